import Oscillation
import Runtime

/// Takes back half the step of every weight whose quantized value it changes.
public final class Reluctance: Remedy {
  private let before: AlignedBuffer<Float>
  private var halved = 0

  /// Nothing held back yet.
  public init(_ quantizer: WeightQuantizer) { before = AlignedBuffer(count: quantizer.count) }

  /// Remembers the weights that the optimizer is about to move.
  public func beforeUpdate(_ training: TrainingView) {
    before.base.update(from: training.weights.base, count: before.count)
  }

  /// Compares the quantized weights before and after.
  public func afterUpdate(_ training: TrainingView) {
    let (quantizer, arena, weights) = (training.quantizer, training.arena, training.weights)
    halved = 0
    arena.scratch {
      let old = arena.allocate(quantizer.count)
      let new = arena.allocate(quantizer.count)
      quantizer.quantize(before, averages: training.averages, into: old, arena: arena)
      quantizer.quantize(weights, averages: training.averages, into: new, arena: arena)
      for place in quantizer.entries.flatMap(\.range) where old[place] != new[place] {
        weights.base[place] = (weights.base[place] + before.base[place]) / 2
        halved += 1
      }
    }
  }

  /// How many weights the last step held back.
  public var report: [(key: String, value: Double)] { [("reluctance_halved", Double(halved))] }
}
