import MXFormats
import TestSupport
import Testing

@Suite("Block formats")
struct BlockFormatTests {
  @Test("a format's name in recipes and files leads back to it; other names lead nowhere")
  func names() {
    #expect(
      BlockFormat.allCases.map(\.rawValue) == [
        "e2m1", "e3m0", "int4", "e2m3", "e3m2", "e4m3", "e5m2", "nvfp4", "nvfp4-1x128",
      ])
    for format in BlockFormat.allCases { #expect(BlockFormat(rawValue: format.rawValue) == format) }
    let other = BlockFormat(elements: .e3m0, groupSize: 16, scale: .e4m3, outerScale: .none)
    for name in ["", "E2M1", "NVFP4", other.rawValue] {
      #expect(BlockFormat(rawValue: name) == nil)
    }
  }

  @Test("matrices are cut at multiples of every format's group")
  func cuts() {
    for format in BlockFormat.allCases {
      #expect(BlockFormat.longestGroup.isMultiple(of: format.groupSize))
      #expect(format.alignment.isMultiple(of: BlockFormat.longestGroup))
    }
  }

  @Test("each byte of E4M3 is the nearest to its own value, and midpoints go to the even byte")
  func e4m3() {
    // Eight steps a binade from 2⁻⁹ on, of which the last binade has seven.
    #expect(E4M3(byte: 1).value == 0x1p-9 && E4M3(byte: 8).value == 0x1p-6)
    #expect(E4M3(byte: 0x38).value == 1 && E4M3(byte: 0x3d).value == 1.625)
    #expect(E4M3(byte: 0xbd).value == -1.625)
    #expect(E4M3(byte: 0x7e).value == 448 && E4M3(byte: 0x7f).value.isNaN)
    for byte in UInt8(0)...0x7e {
      let value = E4M3(byte: byte).value
      #expect(E4M3(nearest: value).byte == byte)
      guard byte < 0x7e else { continue }
      let above = E4M3(byte: byte + 1).value
      let middle = (value + above) / 2
      #expect(value < above)
      #expect(E4M3(nearest: middle).byte == (byte.isMultiple(of: 2) ? byte : byte + 1))
      #expect(E4M3(nearest: middle.nextDown).byte == byte)
      #expect(E4M3(nearest: middle.nextUp).byte == byte + 1)
    }
    for large: Float in [464, 1e30, .infinity] { #expect(E4M3(nearest: large).byte == 0x7e) }
    #expect(E4M3(nearest: .nan) == .nan && E4M3(nearest: .leastNonzeroMagnitude).byte == 0)
  }

  @Test("the smallest number of E4M3 that is not below another one")
  func e4m3NotBelow() {
    for byte in UInt8(0)..<0x7e {
      let value = E4M3(byte: byte).value
      #expect(E4M3(notBelow: value).byte == byte && E4M3(notBelow: value.nextUp).byte == byte + 1)
    }
    for large: Float in [448, 449, .infinity] { #expect(E4M3(notBelow: large).byte == 0x7e) }
    #expect(E4M3(notBelow: .nan) == .nan)
  }

  @Test("NVFP4's truncation-free scales let no element pass 6, and are the smallest that do")
  func neverClips() {
    var random = TestRandom(seed: 12)
    for exponent in [-140, -120, -20, 0, 30, 100] {
      let unit = Float(sign: .plus, exponent: exponent, significand: 1)
      // Groups of all sizes beside the largest.
      let x = (0..<64 * 16).map { place in
        random.normal() * unit * Float(sign: .plus, exponent: -(place / 16 % 14), significand: 1)
      }
      let matrix = Quantizer(format: .nvfp4).quantize(x, rows: 64, columns: 16)
      #expect(matrix.outerScale >= .leastNormalMagnitude)
      for row in 0..<64 {
        let largest = x[row * 16..<row * 16 + 16].reduce(0) { max($0, $1.magnitude) }
        let (byte, scale) = (matrix.scales[row], matrix.scale(row: row, column: 0))
        #expect(largest == 0 ? byte == 0 : largest / scale <= 6, "row \(row) of 2^\(exponent)")
        if byte > 0 {
          #expect(largest / (E4M3(byte: byte - 1).value * matrix.outerScale) > 6, "row \(row)")
        }
      }
    }
  }

  @Test("NVFP4: the scales of a matrix's groups, its codes and values, worked out by hand")
  func nvfp4() {
    // The largest magnitude is 6, so that the outer scale is 6/2688; the groups have scales 448, 36 (of 37.33) and 0 (of
    // 7.5e-5), and the second one cuts its largest off: .5/.0803571 is 6.22.
    var x = [Float](repeating: 0, count: 48)
    x.replaceSubrange(0..<4, with: [6, -1.3, 0.2, 3.1])
    x.replaceSubrange(16..<20, with: [0.5, -0.1, 0.03, 0.24])
    x[32] = 1e-6
    let matrix = Quantizer(format: .nvfp4, scaleRule: .even).quantize(x, rows: 1, columns: 48)
    #expect(matrix.outerScale == Float(6) / 2688)
    #expect(matrix.scales.map { E4M3(byte: $0).value } == [448, 36, 0])
    #expect(Array(matrix.values[0..<5]) == [6, -1.5, 0, 3, 0])
    let scale = 36 * (Float(6) / 2688)
    #expect(Array(matrix.values[16..<21]) == [6 * scale, -scale, 0.5 * scale, 3 * scale, 0])
    #expect(abs(matrix.values[16] - 0.482143) < 1e-6)
    #expect(matrix.values[32...].allSatisfy { $0 == 0 })
    // Along columns the same, transposed.
    let column = Quantizer(format: .nvfp4, scaleRule: .even, axis: .columns)
      .quantize(x, rows: 48, columns: 1)
    #expect(column.transposed == matrix)
    // Scales that clip nothing are 448, 40 (the next one is 36) and the smallest that there is.
    let whole = Quantizer(format: .nvfp4).quantize(x, rows: 1, columns: 48)
    #expect(whole.scales.map { E4M3(byte: $0).value } == [448, 40, 0x1p-9])
    let larger = 40 * (Float(6) / 2688)
    #expect(Array(whole.values[16..<21]) == [6 * larger, -larger, 0.5 * larger, 3 * larger, 0])
    // Under an outer scale that is given.
    let given = Quantizer(format: .nvfp4).quantize(x, rows: 1, columns: 48, outerScale: 1)
    #expect(
      given.outerScale == 1 && given.scales.map { E4M3(byte: $0).value } == [1, 0.0859375, 0x1p-9])
  }

  @Test(
    "INT4: one scale for the matrix, the largest magnitude over 7; codes and values worked out by hand"
  )
  func int4() {
    let matrix = Quantizer(format: .int4).quantize([14, -3, 0.9, -7, 1, -0.0], rows: 2, columns: 3)
    #expect(matrix.outerScale == 2 && matrix.scales == [127, 127])
    // Ties go to the even code.
    #expect(matrix.values == [14, -4, 0, -8, 0, 0])
    #expect(matrix.codes == [7, 10, 0, 12, 0, 8])
    let zeros = Quantizer(format: .int4).quantize([0, 0], rows: 1, columns: 2)
    #expect(zeros.outerScale == 1 && zeros.values == [0, 0])
    let broken = Quantizer(format: .int4).quantize([.nan, 7, .infinity], rows: 3, columns: 1)
    #expect(broken.outerScale == 1 && broken.scales == [255, 127, 255])
    #expect(broken.values[1] == 7 && broken.values[0].isNaN && broken.values[2].isNaN)
    // A draw of 0 rounds up what a half or more is missing of; codes end at 7.
    func rounded(_ x: Float, _ bits: UInt16) -> Float {
      Quantizer(format: .int4, rounding: .stochastic).quantize(
        [7, x], rows: 1, columns: 2, randomBits: { _, _ in bits }
      ).values[1]
    }
    #expect(rounded(2.25, 0) == 3 && rounded(2.25, 0x3fff) == 3 && rounded(2.25, 0x4000) == 2)
    #expect(rounded(-7, 0) == -7)
  }

  @Test("an outer scale for each 128 numbers: what NVFP4 makes of each run alone")
  func runs() {
    var random = TestRandom(seed: 31)
    // Runs of very different sizes, of which the last is short.
    let x = (0..<2 * 300).map { place in
      random.normal() * Float(sign: .plus, exponent: 9 * (place % 300 / 128), significand: 1)
    }
    for rule in BlockFormat.nvfp4Runs.scaleRules {
      let whole = Quantizer(format: .nvfp4Runs, scaleRule: rule)
        .quantize(x, rows: 2, columns: 300)
      #expect(whole.outerScales.count == 6 && whole.outerScale == 1)
      for row in 0..<2 {
        for start in [0, 128, 256] {
          let run = Array(x[row * 300 + start..<row * 300 + min(start + 128, 300)])
          let alone = Quantizer(format: .nvfp4, scaleRule: rule)
            .quantize(run, rows: 1, columns: run.count)
          #expect(whole.outerScales[row * 3 + start / 128] == alone.outerScale)
          #expect(
            run.indices.map { whole.value(row: row, column: start + $0) } == alone.values)
        }
      }
      let columns = Quantizer(format: .nvfp4Runs, scaleRule: rule, axis: .columns)
        .quantize(
          (0..<600).map { x[$0 % 2 * 300 + $0 / 2] }, rows: 300, columns: 2)
      #expect(columns.transposed == whole)
    }
    // Of zeros, and of numbers that are not finite, there is nothing to divide by.
    let zeros = [Float](repeating: 0, count: 128)
    let broken = Quantizer(format: .nvfp4Runs)
      .quantize(zeros + [.infinity, 3], rows: 1, columns: 130)
    #expect(broken.outerScales == [1, BlockFormat.nvfp4.outerScale(largest: 3, .truncationFree)])
  }

  @Test("NVFP4: zeros have outer scale 1, and a NaN breaks its group alone")
  func nvfp4Edges() {
    let zeros = Quantizer(format: .nvfp4).quantize([0, -0.0], rows: 1, columns: 2)
    #expect(zeros.outerScale == 1 && zeros.values == [0, 0])
    var x = [Float](repeating: 3, count: 32)
    x[20] = .infinity
    let broken = Quantizer(format: .nvfp4).quantize(x, rows: 1, columns: 32)
    #expect(broken.scales == [0x7e, 0x7f])
    #expect(broken.values[..<16].allSatisfy { $0 == 3 })
    #expect(broken.values[16...].allSatisfy { $0.isNaN })
  }
}
