import MXRuntime

/// What one operand is to become, and where.
package struct OperandRequest {
  let encoding: Encoding
  let random: RandomStream
  let arena: Arena
  let countsLosses: Bool

  /// - Parameters:
  ///   - encoding: what the product is to read.
  ///   - random: what stochastic rounding draws from.
  ///   - arena: where codes, or rounded numbers, are put.
  ///   - countsLosses: whether it is counted what the quantizer loses.
  package init(
    _ encoding: Encoding, random: RandomStream, arena: Arena, countsLosses: Bool = false
  ) {
    (self.encoding, self.random, self.arena) = (encoding, random, arena)
    self.countsLosses = countsLosses
  }
}

/// An operand that was asked for.
package struct EncodedOperand {
  /// The operand.
  package let operand: Encoded
  /// How many of its groups hold a NaN or an infinity.
  package let broken: Int
  /// What the quantizer lost, where that was asked for and there is one.
  package let losses: QuantizerLosses?
}
