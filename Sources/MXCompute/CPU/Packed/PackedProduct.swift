import MXFormats
import MXRuntime

// Shapes: A has M lanes, B has N lanes, both of K elements; C [M, N].

extension CPU {
  /// C = A·Bᵀ (+ bias), multiplied in integers from 4-bit codes; equal to `referenceProduct` to the bit on every
  /// instruction set, for any plan and any number of threads.
  ///
  /// - Parameters:
  ///   - c: [M, N], overwritten, or added to.
  ///   - bias: [N], added to every row after the last group; nil for none.
  ///   - accumulates: whether c += the product instead, each sum when it is complete.
  ///   - plan: the cut; it changes the speed and never a bit.
  /// - Complexity: M·N·K multiply-adds, N·K/2 + M·K/2 bytes read a slice.
  package func multiply(
    _ a: MXMatrixView, _ b: MXMatrixView, bias: FloatMatrix?, into c: FloatMatrix,
    accumulates: Bool = false, arena: Arena, plan: ProductPlan? = nil
  ) {
    precondition(a.length == b.length, "a contraction of \(a.length) with \(b.length)")
    if c.count == 0 { return }
    precondition(
      c.rows == a.lanes && c.columns == b.lanes,
      "a product of \(a.lanes) × \(b.lanes) into \(c.rows) × \(c.columns)")
    if a.groups == 0 {
      if accumulates { return }
      for row in 0..<c.rows {
        for column in 0..<c.columns { c.row(row)[column] = bias.map { 0 + $0.base[column] } ?? 0 }
      }
      return
    }
    let plan = plan ?? ProductPlan(rows: c.rows, columns: c.columns, threads: threads)
    let product = PackedProduct(kernels, a, b, bias: bias, plan)
    let rowSlices = (c.rows + plan.rows - 1) / plan.rows
    let columnSlices = (c.columns + plan.columns - 1) / plan.columns
    let sumCount =
      accumulates ? min(plan.rows, c.rows) * min(plan.columns, c.columns) : 0
    let bytes = product.scratchBytes + (sumCount + 15) / 16 * 64
    arena.scratch {
      let scratch = arena.allocateBytes(threads * bytes)
      forEach(rowSlices * columnSlices) { slice, worker in
        let (rowSlice, columnSlice) = slice.quotientAndRemainder(dividingBy: columnSlices)
        let (row, column) = (rowSlice * plan.rows, columnSlice * plan.columns)
        let rows = row..<min(row + plan.rows, c.rows)
        let columns = column..<min(column + plan.columns, c.columns)
        let own = scratch + worker * bytes
        guard accumulates else {
          return product.compute(
            rows: rows, columns: columns, into: c.row(row) + column, stride: c.columns,
            scratch: own)
        }
        let sums = FloatMatrix(
          (own + product.scratchBytes).assumingMemoryBound(to: Float.self), rows: rows.count,
          columns: columns.count)
        product.compute(
          rows: rows, columns: columns, into: sums.base, stride: sums.columns, scratch: own)
        for place in 0..<sums.rows {
          let total = c.row(row + place) + column
          kernels.addScaled(total, scale: 1, branch: sums.row(place), into: total, sums.columns)
        }
      }
    }
  }
}

/// A product of packed matrices, of which one slice after another is computed.
struct PackedProduct {
  private let kernels: Kernels
  private let a, b: MXMatrixView
  private let bias: FloatMatrix?
  private let blockGroups, rightBytes: Int
  /// Bytes of scratch that a slice takes.
  let scratchBytes: Int

  /// A·Bᵀ (+ bias), of which a slice has no more columns than the plan's, and blocks of as many groups.
  init(
    _ kernels: Kernels, _ a: MXMatrixView, _ b: MXMatrixView, bias: FloatMatrix?,
    _ plan: ProductPlan
  ) {
    (self.kernels, self.a, self.b, self.bias) = (kernels, a, b, bias)
    blockGroups = min(plan.groups, a.groups)
    let panels = min(MXMatrixView.panels(plan.columns), b.panels)
    rightBytes = panels * blockGroups * kernels.rightGroupBytes
    scratchBytes = (rightBytes + blockGroups * kernels.leftGroupBytes + 63) / 64 * 64
  }

  /// Some rows of some columns.
  ///
  /// - Parameters:
  ///   - rows: from the first row of a panel to the last one of another, or of the matrix.
  ///   - columns: as the rows.
  ///   - c: where the first of them goes.
  ///   - stride: numbers from there to the next row.
  ///   - scratch: `scratchBytes` bytes.
  func compute(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    let lanes = MXMatrixView.panelLanes
    let left = scratch + rightBytes
    for group in Swift.stride(from: 0, to: a.groups, by: blockGroups) {
      let groups = group..<min(group + blockGroups, a.groups)
      for panel in 0..<MXMatrixView.panels(columns.count) {
        kernels.expandRight(
          b, panel: columns.lowerBound / lanes + panel, groups: groups,
          into: scratch + panel * groups.count * kernels.rightGroupBytes)
      }
      let isLast = groups.upperBound == a.groups
      for row in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: lanes) {
        kernels.multiply(
          a, panel: row / lanes, groups: groups, expansion: left, right: scratch,
          rightFormat: b.format, into: c + (row - rows.lowerBound) * stride, stride: stride,
          rows: min(lanes, rows.upperBound - row), columns: columns.count,
          bias: isLast ? bias.map { UnsafePointer($0.base + columns.lowerBound) } : nil,
          resumes: group > 0)
      }
    }
  }
}
