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
      multiply(ProductTerms(a, b, bias: bias), into: c, accumulates: accumulates, arena: arena)
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
