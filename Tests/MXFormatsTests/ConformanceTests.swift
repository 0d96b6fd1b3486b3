import MXFormats
import TestSupport
import Testing

@Suite("The definition agrees with the vectors of Documentation/Conformance")
struct ConformanceTests {
  @Test("elements: every code, every tie and the numbers beside it")
  func elements() throws {
    let format = ElementFormat.e2m1
    let vectors = try ConformanceVectors.elements()
    #expect(vectors.decode.count == 16 && vectors.encode.count > 100)
    for entry in vectors.decode {
      let value = format.value(of: entry.code)
      #expect(value.bitPattern == entry.bits.value.bitPattern, "code \(entry.code)")
    }
    for entry in vectors.encode {
      let x = entry.bits.value
      guard let code = entry.code else {
        #expect(!x.isFinite)
        continue
      }
      let sign: UInt8 = x.sign == .minus ? 8 : 0
      func found(_ decision: RoundingDecision) -> UInt8 {
        format.magnitudeCode(of: x.magnitude, decision) | sign
      }
      #expect(found(.nearestEven) == code, "\(x)")
      #expect(found(.nearestAway) == entry.tie?["away"] ?? code, "\(x), away from zero")
    }
  }

  @Test("stochastic rounding: both neighbours, and the share of the upper one to 2⁻¹⁷")
  func stochastic() throws {
    let vectors = try ConformanceVectors.elements().stochastic
    #expect(vectors.count > 50)
    for entry in vectors where entry.bits.value.sign == .plus {
      let parts = entry.probability.split(separator: "/").compactMap { Double($0) }
      let probability = parts.count == 2 ? parts[0] / parts[1] : try #require(parts.first)
      for bits in stride(from: 0, through: 65535, by: 255) {
        let code = ElementFormat.e2m1.magnitudeCode(
          of: entry.bits.value, .stochastic(UInt16(bits)))
        let isUp = probability * 65536 > Double(bits) + 0.5
        #expect(code == (isUp ? entry.upper : entry.lower), "\(entry.bits.value), bits \(bits)")
      }
    }
  }

  @Test("scales: every byte, and the largest magnitudes around each rule's threshold")
  func scales() throws {
    let vectors = try ConformanceVectors.scales()
    #expect(vectors.decode.count == 256 && vectors.maxima.count > 200)
    for entry in vectors.decode {
      let (value, expected) = (E8M0(byte: entry.byte).value, entry.bits.value)
      #expect(
        value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN),
        "byte \(entry.byte)")
    }
    for entry in vectors.maxima {
      for rule in ScaleRule.allCases {
        let scale = rule.scale(maximum: entry.bits.value, format: .e2m1)
        #expect(scale.byte == entry.scales[rule.rawValue], "\(rule) of \(entry.bits.value)")
      }
    }
  }

  @Test("bytes: two codes each, the even element in the low nibble, there and back")
  func packing() throws {
    func check(_ name: String, scales: [UInt8], codes: [UInt8], blocks: String) {
      let matrix = QuantizedMatrix(
        format: .mxfp4, axis: .rows, rows: 1, columns: codes.count, codes: codes, scales: scales)
      let packed = PackedMatrix(packing: matrix)
      #expect(ConformanceVectors.hexadecimal(packed.blocks) == blocks, "\(name)")
      #expect(packed.unpacked(axis: .rows, rows: 1, columns: codes.count) == matrix, "\(name)")
    }
    for entry in try ConformanceVectors.packing() {
      check(entry.name, scales: entry.scales, codes: entry.codes, blocks: entry.blocks)
    }
    for row in try ConformanceVectors.rows() {
      for expected in row.expected {
        check(row.name, scales: expected.scales, codes: expected.codes, blocks: expected.blocks)
      }
    }
  }

  @Test("NVFP4: every scale, the numbers around each, and rows of their own outer scale as bytes")
  func nvfp4() throws {
    let vectors = try ConformanceVectors.nvfp4()
    #expect(vectors.decode.count == 127 && vectors.cast.count > 500 && vectors.cases.count > 20)
    for entry in vectors.decode {
      #expect(E4M3(byte: entry.byte).value == entry.bits.value, "byte \(entry.byte)")
    }
    for entry in vectors.cast {
      #expect(E4M3(nearest: entry.bits.value).byte == entry.nearest, "\(entry.bits.value)")
      #expect(E4M3(notBelow: entry.bits.value).byte == entry.up, "\(entry.bits.value)")
    }
    for row in vectors.cases {
      for rule in BlockFormat.nvfp4.scaleRules {
        let expected = try #require(row.expected(by: rule.rawValue))
        let matrix = Quantizer(format: .nvfp4, scaleRule: rule).quantize(
          row.values, rows: 1, columns: row.values.count)
        let packed = PackedMatrix(packing: matrix)
        #expect(packed.outerScale == expected.outer?.bits.value, "\(row.name), \(rule)")
        #expect(packed.scales == expected.scales, "\(row.name), \(rule)")
        #expect(
          ConformanceVectors.hexadecimal(packed.blocks) == expected.blocks, "\(row.name), \(rule)")
      }
    }
  }

  @Test("the safetensors file says the same as the JSON files")
  func tensors() throws {
    let file = try ConformanceVectors.tensors()
    let rows = try ConformanceVectors.rows()
    let x = try file.floats("groups.x").map(\.bitPattern)
    #expect(x == rows.flatMap { $0.values.map(\.bitPattern) })
    for rule in ScaleRule.allCases.map(\.rawValue) {
      let expected = try rows.map { try #require($0.expected(by: rule)) }
      #expect(try file.bytes("groups.\(rule).scales") == expected.flatMap(\.scales))
      #expect(try file.bytes("groups.\(rule).codes") == expected.flatMap(\.codes))
      let blocks = try file.bytes("groups.\(rule).blocks")
      #expect(ConformanceVectors.hexadecimal(blocks) == expected.map(\.blocks).joined())
      let decoded = try file.floats("groups.\(rule).decoded").map(\.bitPattern)
      #expect(decoded == expected.flatMap { $0.decoded.map(\.value.bitPattern) })
    }
  }
}
