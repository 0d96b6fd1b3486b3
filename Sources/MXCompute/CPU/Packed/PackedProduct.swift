import MXFormats
import MXRuntime

// Shapes: A has M lanes, B has N lanes, both of K elements; C [M, N].

extension CPU {
  /// C = A·Bᵀ (+ bias), multiplied in integers from 4-bit codes; equal to `referenceProduct` to the bit on every
  /// instruction set, for any plan and any number of threads.
  ///
  /// - Parameters:
  ///   - c: [M, N], overwritten.
  ///   - bias: [N], added to every row after the last group; nil for none.
  ///   - plan: the cut; it changes the speed and never a bit.
  /// - Complexity: M·N·K multiply-adds, N·K/2 + M·K/2 bytes read a slice.
  package func multiply(
    _ a: MXMatrixView, _ b: MXMatrixView, bias: FloatMatrix?, into c: FloatMatrix, arena: Arena,
    plan: ProductPlan? = nil
  ) {
    precondition(a.length == b.length, "a contraction of \(a.length) with \(b.length)")
    if c.count == 0 { return }
    precondition(
      c.rows == a.lanes && c.columns == b.lanes,
      "a product of \(a.lanes) × \(b.lanes) into \(c.rows) × \(c.columns)")
    if a.groups == 0 {
      for row in 0..<c.rows {
        for column in 0..<c.columns { c.row(row)[column] = bias.map { 0 + $0.base[column] } ?? 0 }
      }
      return
    }
    let plan = plan ?? ProductPlan(rows: c.rows, columns: c.columns, threads: threads)
    let lanes = MXMatrixView.panelLanes
    let rowSlices = (c.rows + plan.rows - 1) / plan.rows
    let columnSlices = (c.columns + plan.columns - 1) / plan.columns
    let blockGroups = min(plan.groups, a.groups)
    let rightBytes = min(plan.columns / lanes, b.panels) * blockGroups * kernels.rightGroupBytes
    let leftBytes = blockGroups * kernels.leftGroupBytes
    arena.scratch {
      let scratch = arena.allocateBytes(threads * (rightBytes + leftBytes))
      forEach(rowSlices * columnSlices) { slice, worker in
        let right = scratch + worker * (rightBytes + leftBytes)
        let left = right + rightBytes
        let (rowSlice, columnSlice) = slice.quotientAndRemainder(dividingBy: columnSlices)
        let column = columnSlice * plan.columns
        let columns = min(plan.columns, c.columns - column)
        let firstPanel = rowSlice * plan.rows / lanes
        let lastPanel = min(firstPanel + plan.rows / lanes, a.panels)
        for group in stride(from: 0, to: a.groups, by: blockGroups) {
          let groups = group..<min(group + blockGroups, a.groups)
          for panel in 0..<MXMatrixView.panels(columns) {
            kernels.expandRight(
              b, panel: column / lanes + panel, groups: groups,
              into: right + panel * groups.count * kernels.rightGroupBytes)
          }
          let isLast = groups.upperBound == a.groups
          for panel in firstPanel..<lastPanel {
            kernels.multiply(
              a, panel: panel, groups: groups, expansion: left, right: right, rightFormat: b.format,
              into: c, column: column, columns: columns,
              bias: isLast ? bias.map { UnsafePointer($0.base + column) } : nil,
              resumes: group > 0)
          }
        }
      }
    }
  }
}
