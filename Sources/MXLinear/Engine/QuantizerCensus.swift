import MXFormats
import Runtime
import Synchronization

/// Counts what the six quantizers lose, over all layers of the steps that it is given to.
public final class QuantizerCensus {
  /// What one quantizer lost.
  public struct Losses: Sendable, Equatable {
    /// Elements that it read.
    public var elements = 0
    /// Elements above the largest magnitude of their group's grid, which the quantizer clips. None under
    /// truncation-free scales.
    public var saturated = 0
    /// Elements other than zero that became zero.
    public var underflowed = 0
  }

  private var losses: [Operand: Losses] = [:]

  /// Nothing counted yet.
  public init() {}

  /// What the quantizer of an operand lost so far; nil where it is off.
  public subscript(operand: Operand) -> Losses? { losses[operand] }

  /// Counts one matrix that goes through a quantizer.
  func count(
    _ x: FloatMatrix, ema: UnsafePointer<Float>?, _ operand: Operand, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) {
    let saturated = Atomic<Int>(0)
    let underflowed = Atomic<Int>(0)
    parallelRanges(x.rows, length: quantizerSliceRows(columns: x.columns)) { rows in
      let lost = Kernels.current.countLosses(
        x.rows(rows), ema: ema.map { $0 + rows.lowerBound * x.columns }, firstRow: rows.lowerBound,
        axis: operand.axis, quantizer, random: random)
      saturated.add(lost.saturated, ordering: .relaxed)
      underflowed.add(lost.underflowed, ordering: .relaxed)
    }
    losses[operand, default: Losses()].elements += x.count
    losses[operand, default: Losses()].saturated += saturated.load(ordering: .relaxed)
    losses[operand, default: Losses()].underflowed += underflowed.load(ordering: .relaxed)
  }
}
