import MXFormats
import MXRuntime

extension CPU {
  /// As `Compute` says: codes by the integer tile of the instruction set, numbers by its tile for single precision, for
  /// which codes on the right are decoded tile by tile, those on the left as a whole.
  package func product(
    _ a: Encoded, _ b: Encoded, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool,
    arena: Arena
  ) {
    precondition(bias == nil || !accumulates, "a bias for sums that go on")
    arena.scratch {
      var (a, b) = (a, b)
      if a.isCodes != b.isCodes {
        a = numbers(of: a, arena)
        if b.axis != .rows || b.pendingScale != nil { b = numbers(of: b, arena) }
      }
      guard a.pendingScale != nil || b.pendingScale != nil else {
        return multiply(
          ProductTerms(a, b, bias: bias), into: c, accumulates: accumulates, arena: arena)
      }
      let sums = accumulates ? arena.matrix(rows: c.rows, columns: c.columns) : c
      multiply(ProductTerms(a, b), into: sums, accumulates: false, arena: arena)
      let scale = (a.pendingScale ?? 1) * (b.pendingScale ?? 1)
      forRows(of: c) { rows in
        for row in rows {
          let (from, to) = (sums.row(row), c.row(row))
          for column in 0..<c.columns {
            let term = from[column] * scale
            to[column] =
              accumulates ? to[column] + term : term + (bias?.elements[column] ?? 0)
          }
        }
      }
    }
  }

  private func numbers(of operand: Encoded, _ arena: Arena) -> Encoded {
    guard operand.isCodes else { return operand }
    let (rows, columns) = operand.shape
    let values = arena.matrix(rows: rows, columns: columns)
    decode(operand, into: values)
    return Encoded(exact: values, axis: operand.axis)
  }
}
