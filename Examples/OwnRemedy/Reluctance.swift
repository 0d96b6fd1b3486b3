import MXRuntime
import Oscillation

/// Takes back half the step of every weight whose quantized value it changes.
package final class Reluctance: Remedy {
  private let before: AlignedBuffer<Float>
  private var halved = 0

  /// Nothing held back yet.
  package init(_ quantizer: WeightQuantizer) { before = AlignedBuffer(count: quantizer.count) }

  /// Remembers the weights that the optimizer is about to move.
  package func beforeUpdate(_ training: TrainingView) {
    training.compute.copy(training.weights.matrix(), into: before.matrix())
  }

  /// Compares the quantized weights before and after.
  package func afterUpdate(_ training: TrainingView) {
    let (quantizer, arena, weights) = (training.quantizer, training.arena, training.weights)
    halved = 0
    arena.scratch {
      func quantized(_ weights: AlignedBuffer<Float>) -> UnsafeMutableBufferPointer<Float> {
        let values = arena.matrix(rows: 1, columns: quantizer.count)
        quantizer.quantize(
          weights, averages: training.averages, into: values, by: training.compute, arena: arena)
        return values.elements
      }
      let (old, new) = (quantized(before), quantized(weights))
      for place in quantizer.entries.flatMap(\.range) where old[place] != new[place] {
        weights[place] = (weights[place] + before[place]) / 2
        halved += 1
      }
    }
  }

  /// How many weights the last step held back.
  package var report: [(key: String, value: Double)] { [("reluctance_halved", Double(halved))] }
}
