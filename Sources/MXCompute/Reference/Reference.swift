import MXRuntime

/// The definition of every operation, in plain, slow Swift: one number after another, as the formulas have it. What a
/// kernel computes equals this to the bit, on every instruction set that multiplies and adds at once.
///
/// The order of sums belongs to the definition: over the sixteen lanes of a row, then over the lanes in halves; over
/// slices of 256 rows, then over the slices; of a product over its terms, one after another. What `CPU` has no kernel for is
/// plain Swift there, too, and is taken from it.
package struct Reference: TrainingCompute {
  /// One.
  package var threads: Int { 1 }
  /// "reference".
  package var name: String { "reference" }
  let plain: CPU

  /// The definition.
  package init() { plain = CPU(threads: 1, kernels: Kernels.available[0]) }

  package var dry: any TrainingCompute { plain.dry }

  /// Lanes over which sums of a row run side by side.
  static let lanes = 16
  /// Rows of a slice whose sums are added up before they join the others'.
  static let sliceRows = 256

  /// Σ over lanes, halves first.
  static func sum(_ lanes: [Float]) -> Float {
    var lanes = lanes
    var half = lanes.count / 2
    while half > 0 {
      for lane in 0..<half { lanes[lane] += lanes[lane + half] }
      half /= 2
    }
    return lanes[0]
  }

  /// Σ over the terms of a row: each lane adds up every sixteenth, and then the lanes are added.
  static func sum(_ count: Int, _ term: (Int) -> Float) -> Float {
    var sums = [Float](repeating: 0, count: lanes)
    for index in 0..<count { sums[index % lanes] += term(index) }
    return sum(sums)
  }

  /// totals += the sums over rows of what `add` adds to a slice's own sums.
  func reduceRows(
    _ rows: Int, into totals: FloatMatrix, _ add: (Range<Int>, inout [Float]) -> Void
  ) {
    var whole = [Float](repeating: 0, count: totals.count)
    for start in stride(from: 0, to: rows, by: Self.sliceRows) {
      var partial = [Float](repeating: 0, count: totals.count)
      add(start..<min(start + Self.sliceRows, rows), &partial)
      for place in whole.indices { whole[place] += partial[place] }
    }
    for place in whole.indices { totals.elements[place] += whole[place] }
  }

  /// sums += the sum over some rows of x.
  static func addColumnSums(of x: FloatMatrix, _ rows: Range<Int>, to sums: inout [Float]) {
    for column in 0..<x.columns {
      var sum: Float = 0
      for row in rows { sum += x.row(row)[column] }
      sums[column] += sum
    }
  }
}
