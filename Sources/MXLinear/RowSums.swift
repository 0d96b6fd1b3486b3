import Runtime

/// sums [C] += the sums over the rows of x [N, C], in parallel, in an order that depends on N alone.
public func addColumnSums(of x: FloatMatrix, to sums: UnsafeMutablePointer<Float>, arena: Arena) {
  reduceRows(x.rows, into: [FloatMatrix(sums, rows: 1, columns: x.columns)], arena: arena) {
    rows, partial in
    Kernels.current.addColumnSums(of: x.rows(rows), to: partial[0].base)
  }
}

/// Lets slices of rows add into partial sums of their own, and adds those to `totals` in order.
///
/// - Parameters:
///   - totals: one-row matrices that the partial sums are added to.
///   - body: adds the contribution of its rows to partial sums that start at zero.
public func reduceRows(
  _ rows: Int, into totals: [FloatMatrix], arena: Arena,
  _ body: (Range<Int>, _ partial: [FloatMatrix]) -> Void
) {
  let length = 256
  let slices = (rows + length - 1) / length
  arena.scratch {
    let partials = totals.map { arena.matrix(rows: slices, columns: $0.columns) }
    parallelFor(slices) { slice in
      let partial = partials.map { $0.rows(slice..<slice + 1) }
      for sums in partial { sums.base.update(repeating: 0, count: sums.columns) }
      let start = slice * length
      body(start..<min(start + length, rows), partial)
    }
    for (total, partial) in zip(totals, partials) {
      Kernels.current.addColumnSums(of: partial, to: total.base)
    }
  }
}
