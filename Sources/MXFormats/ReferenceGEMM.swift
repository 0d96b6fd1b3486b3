/// The slow product of two quantized matrices: the answer that every engine is held to.
///
/// C[i, j] = Σ_k A[i, k] · B[j, k]: A is M × K, B is N × K, both grouped along K ("rows"), C is M × N.
/// The order of sums is part of the definition. For every output, from +0 and over the groups of K in
/// ascending order:
/// 1. d = Σ a·b of the group's elements in units of the format's smallest product: an integer, so its
///    own order does not matter (E2M1: codes doubled, |d| ≤ 4608);
/// 2. t = d · 2^(s_A + u), rounded once (exact but for overflow), with 2^u the format's smallest step;
/// 3. accumulator = fma(t, 2^(s_B + u), accumulator): one rounding.
///
/// Steps 2 and 3 are exact products of an integer below 2^13 and powers of two, so the only rounding of
/// an ordinary sum is the addition. A NaN scale makes every output it touches NaN.
///
/// - Complexity: O(M · N · K).
public func referenceProduct(_ a: QuantizedMatrix, _ b: QuantizedMatrix) -> [Float] {
  precondition(a.axis == .rows && b.axis == .rows, "both operands must be grouped along rows")
  precondition(a.columns == b.columns, "contraction of \(a.columns) with \(b.columns)")
  precondition(a.format == .e2m1 && b.format == .e2m1, "exact integer sums need E2M1")
  let size = GroupAxis.groupSize
  let groups = a.axis.scaleShape(rows: a.rows, columns: a.columns).columns
  let left = a.codes.map { Int32(2 * a.format.value(of: $0)) }
  let right = b.codes.map { Int32(2 * b.format.value(of: $0)) }
  var result = [Float](repeating: 0, count: a.rows * b.rows)
  for i in 0..<a.rows {
    for j in 0..<b.rows {
      var accumulator: Float = 0
      for group in 0..<groups {
        let elements = group * size..<min(group * size + size, a.columns)
        var dot: Int32 = 0
        for k in elements { dot += left[i * a.columns + k] * right[j * b.columns + k] }
        let term = Float(dot) * halved(a.scale(row: i, column: group * size))
        accumulator.addProduct(term, halved(b.scale(row: j, column: group * size)))
      }
      result[i * b.rows + j] = accumulator
    }
  }
  return result
}

/// S/2, exact for every scale: the unit of doubled codes.
private func halved(_ scale: E8M0) -> Float {
  scale.isNaN ? .nan : E8M0.power(scale.exponent - 1)
}
