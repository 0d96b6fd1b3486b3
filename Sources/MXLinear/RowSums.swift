import Runtime

/// sums [C] += the sums over the rows of x [N, C], in parallel, in an order that depends on N alone.
public func addColumnSums(of x: FloatMatrix, to sums: UnsafeMutablePointer<Float>, arena: Arena) {
  reduceRows(x.rows, into: sums, columns: x.columns, arena: arena) { rows, partial in
    Kernels.current.addColumnSums(of: x.rows(rows), to: partial)
  }
}

/// Lets slices of rows add into partial sums of their own, and adds those to `totals` in order.
///
/// - Parameters:
///   - rows: how many there are.
///   - totals: [columns], which the partial sums are added to.
///   - columns: of the sums.
///   - arena: scratch.
///   - body: adds the contribution of its rows to partial sums [columns] that start at zero.
public func reduceRows(
  _ rows: Int, into totals: UnsafeMutablePointer<Float>, columns: Int, arena: Arena,
  _ body: (Range<Int>, _ partial: UnsafeMutablePointer<Float>) -> Void
) {
  let length = 256
  let slices = (rows + length - 1) / length
  arena.scratch {
    let partials = arena.matrix(rows: slices, columns: columns)
    parallelFor(slices) { slice in
      let partial = partials.row(slice)
      partial.update(repeating: 0, count: columns)
      let start = slice * length
      body(start..<min(start + length, rows), partial)
    }
    Kernels.current.addColumnSums(of: partials, to: totals)
  }
}
