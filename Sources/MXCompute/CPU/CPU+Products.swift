import MXFormats
import MXRuntime

extension CPU {
  /// As `Compute` says: codes by the tile of the instruction set, numbers by BLAS.
  package func product(
    _ a: Encoded, _ b: Encoded, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool,
    arena: Arena
  ) {
    precondition(bias == nil || !accumulates, "a bias for sums that go on")
    if case .codes(let left) = a.content, case .codes(let right) = b.content {
      multiply(left, right, bias: bias, into: c, accumulates: accumulates, arena: arena)
    } else {
      arena.scratch {
        multiply(
          numbers(of: a, arena), transposed: a.axis == .columns, numbers(of: b, arena),
          transposed: b.axis == .rows, bias: bias, into: c, accumulates: accumulates)
      }
    }
  }

  private func numbers(of operand: Encoded, _ arena: Arena) -> FloatMatrix {
    if case .numbers(let x) = operand.content { return x }
    let (rows, columns) = operand.shape
    let values = arena.matrix(rows: rows, columns: columns)
    decode(operand, into: values)
    return values
  }

  /// c = op(A)·op(B) in single precision. Every sum lies within one BLAS call.
  private func multiply(
    _ a: FloatMatrix, transposed transposesA: Bool, _ b: FloatMatrix,
    transposed transposesB: Bool, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool
  ) {
    let k = transposesA ? a.rows : a.columns
    precondition(
      c.rows == (transposesA ? a.columns : a.rows)
        && c.columns == (transposesB ? b.rows : b.columns)
        && k == (transposesB ? b.columns : b.rows),
      "a product into \(c.rows) × \(c.columns)")
    // Rows of A: enough to pay for packing B again, few enough to share out. Columns of A: each slice packs B again, so
    // they are few; four measured about 1.1 times as fast as eight on two threads.
    let length = transposesA ? max(48, (c.rows / 4 + 15) / 16 * 16) : 256
    forRanges(c.rows, length: length) { rows in
      // A slice of c stays in the cache between its bias and its product.
      if let bias { kernels.broadcast(bias.base, into: c.rows(rows)) }
      BLAS.gemm(
        transposeA: transposesA, transposeB: transposesB, m: rows.count, n: c.columns, k: k,
        transposesA ? a.base + rows.lowerBound : a.row(rows.lowerBound), a.columns, b.base,
        b.columns, beta: bias != nil || accumulates ? 1 : 0, c.row(rows.lowerBound), c.columns)
    }
  }
}
