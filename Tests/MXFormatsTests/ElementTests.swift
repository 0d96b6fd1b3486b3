import MXFormats
import TestSupport
import Testing

let elementFormats: [ElementFormat] = [.e2m1, .e3m0, .e2m3, .e3m2, .e4m3, .e5m2]
let packableFormats: [BlockFormat] = [.mxfp4, .mxe3m0, .mxe2m3]

@Suite("Elements, tested whole")
struct ElementTests {
  @Test("the magnitudes, their largest and their smallest step are those of the definition")
  func tables() {
    #expect(ElementFormat.e2m1.magnitudes == [0, 0.5, 1, 1.5, 2, 3, 4, 6])
    #expect(ElementFormat.e3m0.magnitudes == [0, 0.25, 0.5, 1, 2, 4, 8, 16])
    // OCP Microscaling Formats specification v1.0, tables 1 to 5.
    for (format, maximum, exponent, step) in [
      (ElementFormat.e2m1, Float(6), 2, -1), (.e3m0, 16, 4, -2), (.e2m3, 7.5, 2, -3),
      (.e3m2, 28, 4, -4), (.e4m3, 448, 8, -9), (.e5m2, 57344, 15, -16),
    ] {
      #expect(format.maximum == maximum && format.maximumExponent == exponent)
      #expect(format.stepExponent == step)
    }
    #expect(
      ElementFormat.e2m3.magnitudes.prefix(10) == [
        0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.125,
      ])
    #expect(ElementFormat.e2m3.magnitudes.suffix(9) == [3.75, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5])
    #expect(ElementFormat.e3m2.magnitudes.prefix(6) == [0, 0.0625, 0.125, 0.1875, 0.25, 0.3125])
    #expect(elementFormats.map(\.name) == ["e2m1", "e3m0", "e2m3", "e3m2", "e4m3", "e5m2"])
    #expect(elementFormats.map(\.bits) == [4, 4, 6, 6, 8, 8])
    #expect(
      BlockFormat.allCases.filter { $0.outerScale == .none }.map(\.elements) == elementFormats)
    #expect(
      BlockFormat.allCases.map(\.isPackable) == [
        true, true, true, true, false, false, false, true, true,
      ])
    #expect(ElementFormat.int4.magnitudes == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(ElementFormat.int4.maximum == 7 && ElementFormat.int4.stepExponent == 0)
  }

  @Test(
    "every code times every scale byte has the value of the specification",
    arguments: BlockFormat.allCases.filter { $0.groupSize == 32 })
  func values(format: BlockFormat) {
    for byte in UInt8.min...UInt8.max {
      for code in UInt8.min...UInt8(truncatingIfNeeded: 1 << format.elements.bits - 1) {
        let value = QuantizedMatrix(
          format: format, axis: .rows, rows: 1, columns: 1, codes: [code], scales: [byte]
        ).values[0]
        let magnitudeCode = code & (format.elements.signBit - 1)
        // E4M3 has one code for NaN, E5M2 one for infinity and three for NaN.
        if byte == 255 || magnitudeCode > format.elements.largestCode {
          #expect(value.isNaN)
          continue
        }
        // In double precision nothing rounds, overflows or underflows; single precision may overflow.
        var expected = 1.0
        for _ in 0..<abs(Int(byte) - 127) { expected *= byte > 127 ? 2 : 0.5 }
        expected *= Double(format.elements.magnitudes[Int(magnitudeCode)])
        #expect(value.magnitude == Float(expected), "code \(code), byte \(byte)")
        #expect(value.sign == (code == magnitudeCode ? .plus : .minus))
      }
    }
  }

  @Test(
    "every value of the format is quantized to itself by every rounding",
    arguments: elementFormats)
  func fixedPoints(format: ElementFormat) {
    for (code, magnitude) in format.magnitudes.enumerated() {
      let decisions: [RoundingDecision] = [
        .nearestEven, .nearestAway, .stochastic(0), .stochastic(65535), .ema(magnitude),
      ]
      for decision in decisions {
        #expect(format.magnitudeCode(of: magnitude, decision) == UInt8(code), "\(decision)")
      }
    }
  }

  @Test(
    "every midpoint and its two neighbouring floats round as they must",
    arguments: elementFormats)
  func midpoints(format: ElementFormat) {
    for lower in 0..<Int(format.largestCode) {
      let midpoint = (format.magnitudes[lower] + format.magnitudes[lower + 1]) / 2
      let even = UInt8(lower % 2 == 0 ? lower : lower + 1)
      for (rounding, tie) in [
        (RoundingDecision.nearestEven, even), (.nearestAway, UInt8(lower + 1)),
      ] {
        #expect(format.magnitudeCode(of: midpoint.nextDown, rounding) == UInt8(lower))
        #expect(format.magnitudeCode(of: midpoint, rounding) == tie)
        #expect(format.magnitudeCode(of: midpoint.nextUp, rounding) == UInt8(lower + 1))
      }
    }
  }

  @Test("values above the maximum saturate under every rounding", arguments: elementFormats)
  func saturation(format: ElementFormat) {
    for y in [format.maximum, format.maximum.nextUp, 4 * format.maximum, .infinity] {
      for decision in [RoundingDecision.nearestEven, .nearestAway, .stochastic(65535), .ema(0)] {
        #expect(format.magnitudeCode(of: y, decision) == format.largestCode)
      }
    }
  }

  @Test("stochastic rounding goes up for exactly its share of the 65,536 random numbers")
  func stochasticShare() {
    for (y, lower, share) in [
      (Float(0.625), UInt8(1), 0.25), (3.25, 5, 0.25), (5, 6, 0.5), (0.125, 0, 0.25),
    ] {
      let up = (0...65535).count {
        ElementFormat.e2m1.magnitudeCode(of: y, .stochastic(UInt16($0))) == lower + 1
      }
      #expect(Double(up) / 65536 == share)
    }
  }

  @Test("under the moving average a zero stays zero and the average decides between the neighbours")
  func movingAverage() {
    let format = ElementFormat.e2m1
    #expect(format.magnitudeCode(of: 0, .ema(5)) == 0)
    #expect(format.magnitudeCode(of: 2.9, .ema(2.4)) == 4)
    #expect(format.magnitudeCode(of: 2.1, .ema(2.5)) == 5)
    #expect(format.magnitudeCode(of: 2.1, .ema(-9)) == 4)
  }
}
