import MXCompute

/// Counts what the six quantizers lose, over all layers of the steps that it is given to.
package final class QuantizerCensus {
  private var losses: [Operand: QuantizerLosses] = [:]

  /// Nothing counted yet.
  package init() {}

  /// What the quantizer of an operand lost so far; nil where it is off.
  package subscript(operand: Operand) -> QuantizerLosses? { losses[operand] }

  /// Takes one matrix into account.
  package func add(_ lost: QuantizerLosses, of operand: Operand) {
    losses[operand, default: QuantizerLosses()] += lost
  }
}
