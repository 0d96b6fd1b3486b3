import MXFormats
import TestSupport
import Testing

@Suite("Quantized matrices")
struct MatrixTests {
  @Test("a short tail is a group of its own, along rows and columns", arguments: GroupAxis.allCases)
  func raggedTail(axis: GroupAxis) {
    // 33 ones, then one value that must not see the maximum 6 of the first group, whose scale is 1.
    var line = [Float](repeating: 1, count: 33)
    line[0] = 6
    line[32] = 0.4
    let matrix = Quantizer(axis: axis).quantize(
      line, rows: axis == .rows ? 1 : 33, columns: axis == .rows ? 33 : 1)
    #expect(matrix.scales.count == 2)
    #expect(matrix.scales[0] == 127)
    // 0.4 = 1.6 · 2⁻², and 1.6 > 1.5: S = 2⁻³, 0.4/S = 3.2 → 3.
    #expect(matrix.scales[1] == 124)
    #expect(matrix.values[32] == 0.375)
  }

  @Test(
    "a NaN or an infinity makes its whole group NaN and no other",
    arguments: [Float.nan, .infinity, -.infinity])
  func broken(value: Float) {
    var row = [Float](repeating: 1, count: 64)
    row[40] = value
    let matrix = Quantizer().quantize(row, rows: 1, columns: 64)
    #expect(matrix.scales == [125, 255])
    #expect(matrix.values[..<32].allSatisfy { $0 == 1 } && matrix.values[32...].allSatisfy(\.isNaN))
  }

  @Test("an all-zero group has scale byte 0 and keeps the signs of its zeros")
  func zeros() {
    let matrix = Quantizer().quantize([0, -0.0, 0], rows: 1, columns: 3)
    #expect(matrix.scales == [0])
    #expect(matrix.codes == [0, 8, 0])
  }

  @Test("truncation-free scales clip nothing: every error is at most half a step")
  func noTruncation() {
    var random = TestRandom(seed: 1)
    let x = random.normals(64 * 96)
    let matrix = Quantizer().quantize(x, rows: 64, columns: 96)
    for (index, value) in matrix.values.enumerated() {
      let scale = matrix.scale(row: index / 96, column: index % 96)
      // The widest gap is 2, between 4 and 6.
      #expect((value - x[index]).magnitude <= scale)
    }
  }

  @Test(
    "packing and unpacking returns every matrix", arguments: GroupAxis.allCases, [1, 31, 33, 64])
  func packing(axis: GroupAxis, length: Int) {
    var random = TestRandom(seed: 2)
    for (other, format) in [(1, BlockFormat.mxfp4), (5, .mxfp4), (5, .nvfp4)] {
      let (rows, columns) = axis == .rows ? (other, length) : (length, other)
      let matrix = Quantizer(format: format, axis: axis).quantize(
        random.normals(rows * columns), rows: rows, columns: columns)
      let packed = PackedMatrix(packing: matrix)
      let size = format.groupSize
      #expect(packed.blocks.count == other * ((length + size - 1) / size) * size / 2)
      #expect(
        packed.unpacked(axis: axis, rows: rows, columns: columns) == matrix)
      // Lanes that were cut are put together again, where they have one outer scale.
      let parts = [packed[lanes: 0..<packed.lanes / 2 + 1], packed[lanes: 0..<1]]
      #expect(PackedMatrix(below: parts)?[lanes: 0..<parts[0].lanes] == parts[0])
      let others = PackedMatrix(
        format: .nvfp4, lanes: 1, blocks: [UInt8](repeating: 0, count: 8), scales: [1],
        outerScale: 2)
      #expect(PackedMatrix(below: [packed, others]) == nil)
    }
  }

  /// Σ_k A[i, k]·B[j, k] and Σ_k |A[i, k]·B[j, k]|, exact in double precision for scales near 1.
  static func sums(
    _ a: QuantizedMatrix, _ b: QuantizedMatrix, _ i: Int, _ j: Int
  ) -> (exact: Double, magnitude: Double) {
    let terms = (0..<a.columns).map {
      Double(a.value(row: i, column: $0)) * Double(b.value(row: j, column: $0))
    }
    return (terms.reduce(0, +), terms.reduce(0) { $0 + abs($1) })
  }

  @Test(
    "the reference product is the product of the values, to the rounding of its sums",
    arguments: packableFormats, packableFormats)
  func product(left: BlockFormat, right: BlockFormat) {
    var random = TestRandom(seed: 3)
    let (m, n, k) = (5, 7, 77)
    let a = Quantizer(format: left).quantize(random.normals(m * k), rows: m, columns: k)
    let b = Quantizer(format: right).quantize(random.normals(n * k), rows: n, columns: k)
    let result = referenceProduct(a, b)
    for i in 0..<m {
      for j in 0..<n {
        let (exact, magnitude) = Self.sums(a, b, i, j)
        // Three groups: three additions, each off by at most half an ulp of the largest partial sum.
        #expect(abs(Double(result[i * n + j]) - exact) <= 3 * 0x1p-24 * magnitude)
      }
    }
  }

  @Test(
    "the reference product is exact where every sum is a float",
    arguments: packableFormats, packableFormats)
  func exactProduct(left: BlockFormat, right: BlockFormat) {
    var random = TestRandom(seed: 4)
    let (m, n, k) = (6, 9, 70)
    // Terms are multiples of 2⁻⁴ up to 2⁸ at the widest, times 1 or 2 for each scale: sums of 70 need 21 bits.
    func matrix(_ format: BlockFormat, _ rows: Int) -> QuantizedMatrix {
      QuantizedMatrix(
        format: format, axis: .rows, rows: rows, columns: k,
        codes: (0..<rows * k).map { _ in UInt8(random.integer(below: 1 << format.elements.bits)) },
        scales: (0..<rows * 3).map { _ in UInt8(127 + random.integer(below: 2)) })
    }
    let (a, b) = (matrix(left, m), matrix(right, n))
    let result = referenceProduct(a, b)
    for i in 0..<m {
      for j in 0..<n { #expect(Double(result[i * n + j]) == Self.sums(a, b, i, j).exact) }
    }
  }

  @Test("a NaN scale makes every output it touches NaN")
  func productOfNaN() {
    let a = Quantizer().quantize([.nan, 1], rows: 2, columns: 1)
    let b = Quantizer().quantize([1], rows: 1, columns: 1)
    let result = referenceProduct(a, b)
    #expect(result[0].isNaN && result[1] == 1)
  }
}
