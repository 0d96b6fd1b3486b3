/// The slow product of two quantized matrices: the answer that every engine is held to.
///
/// C[i, j] = Σ_k A[i, k] · B[j, k]: A is M × K, B is N × K, both grouped along K ("rows"), C is M × N.
/// The order of sums is part of the definition. For every output, from +0 and over the groups of K in
/// ascending order:
/// 1. d = Σ a·b of the group's elements, each in units of its format's smallest step 2^u (E2M1: u = −1,
///    codes doubled, |d| ≤ 4608; E2M3: u = −3, |d| ≤ 115,200; E3M0: u = −2, |d| ≤ 2¹⁷): an integer, so its own order does
///    not matter;
/// 2. t = d · S_A·2^u_A, rounded once;
/// 3. accumulator = fma(t, S_B·2^u_B, accumulator): one rounding.
///
/// Steps 2 and 3 multiply an integer of at most 18 bits, or of 12 where scales have four bits of significand (E4M3), exactly (but
/// for overflow), so the only rounding of an ordinary sum is the addition. An outer scale is no part of it: it multiplies the
/// sum. A NaN scale makes every output it touches NaN.
///
/// - Complexity: O(M · N · K).
public func referenceProduct(_ a: QuantizedMatrix, _ b: QuantizedMatrix) -> [Float] {
  precondition(a.axis == .rows && b.axis == .rows, "both operands must be grouped along rows")
  precondition(a.columns == b.columns, "contraction of \(a.columns) with \(b.columns)")
  precondition(
    a.format.isPackable(with: b.format), "\(a.format.rawValue) with \(b.format.rawValue)")
  let size = a.format.groupSize
  let groups = a.format.groups(a.columns)
  let (left, right) = (a.steps, b.steps)
  var result = [Float](repeating: 0, count: a.rows * b.rows)
  for i in 0..<a.rows {
    for j in 0..<b.rows {
      var accumulator: Float = 0
      for group in 0..<groups {
        let elements = group * size..<min(group * size + size, a.columns)
        var dot: Int32 = 0
        for k in elements { dot += left[i * a.columns + k] * right[j * b.columns + k] }
        let term = Float(dot) * a.unit(row: i, column: group * size)
        accumulator.addProduct(term, b.unit(row: j, column: group * size))
      }
      result[i * b.rows + j] = accumulator
    }
  }
  return result
}

extension QuantizedMatrix {
  /// The elements in units of the format's smallest step.
  fileprivate var steps: [Int32] {
    codes.map { Int32(format.elements.value(of: $0) / E8M0.power(format.elements.stepExponent)) }
  }

  /// A group's scale times the format's smallest step, a power of two; exact for every E8M0 scale.
  fileprivate func unit(row: Int, column: Int) -> Float {
    scale(row: row, column: column) * E8M0.power(format.elements.stepExponent)
  }
}
