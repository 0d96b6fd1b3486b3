import MXFormats

/// How a product is cut for the caches and the threads. It changes the speed and never a bit: whatever the cut, every
/// output's groups, or terms, are added in ascending order.
///
/// A slice of `rows` × `columns` outputs is one thread's. Within it the contraction is cut into
/// `blocks` of 32 terms; of each cut the right operand is expanded to bytes once and stays in the second-level
/// cache, then the left operand is expanded panel by panel into the first-level cache and multiplied.
package struct ProductPlan: Equatable {
  /// Outputs of a slice along the left operand's lanes; a multiple of a panel.
  package var rows: Int
  /// Outputs of a slice along the right operand's lanes; a multiple of a panel.
  package var columns: Int
  /// Blocks of a cut.
  package var blocks: Int

  /// Blocks of a cut by default: the three right panels of the widest tile are 20 KiB, a left panel 8 KiB.
  package static let cutBlocks = 12

  /// A plan of one's own.
  package init(rows: Int, columns: Int, blocks: Int = cutBlocks) {
    (self.rows, self.columns, self.blocks) = (rows, columns, blocks)
  }

  /// The default plan of an `rows` × `columns` product on some threads.
  package init(rows: Int, columns: Int, threads: Int, isPacked: Bool = true) {
    // 48 panels of codes are 330 KiB; 256 terms of 192 numbers 192 KiB.
    let (limit, unit) = isPacked ? (768, 48) : (192, 64)
    self.init(
      rows: Self.even(rows, limit: 192, unit: 16, partsOf: threads),
      columns: Self.even(columns, limit: limit, unit: unit, partsOf: 1))
    // The few rows of one image do not cut evenly, and would have each thread expand all that stands on the right.
    let byColumns = ProductPlan(
      rows: Self.even(rows, limit: 256, unit: 16, partsOf: 1),
      columns: Self.even(columns, limit: limit, unit: unit, partsOf: threads))
    let costs = (cost(rows, columns, threads), byColumns.cost(rows, columns, threads))
    if costs.1 < 0.95 * costs.0 { self = byColumns }
  }

  /// The steps of the thread that has most to do, a group of the contraction. Expanding costs about two steps an element:
  /// 2/rows and 2/columns of the product's time.
  private func cost(_ rows: Int, _ columns: Int, _ threads: Int) -> Double {
    let (rowSlice, columnSlice) = (min(self.rows, rows), min(self.columns, columns))
    let slices = (rows + self.rows - 1) / self.rows * ((columns + self.columns - 1) / self.columns)
    let rounds = (slices + threads - 1) / threads
    return Double(rounds) * Double(rowSlice * columnSlice + 2 * (rowSlice + columnSlice))
  }

  /// A length that cuts `total` evenly: a multiple of `unit`, about `limit` at most, so that the number of
  /// parts is a multiple of `partsOf` where there are enough units.
  private static func even(_ total: Int, limit: Int, unit: Int, partsOf: Int) -> Int {
    let rounds = max(1, (total + partsOf * limit - 1) / (partsOf * limit))
    let parts = rounds * partsOf
    let units = (total + unit - 1) / unit
    return max(1, (units + parts - 1) / parts) * unit
  }
}
