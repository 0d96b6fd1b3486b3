import MXLinear
import Oscillation
import Runtime

/// A moving average of all weights, evaluated beside them (DeiT's recipe keeps one with decay 0.99996).
///
/// It has nothing to do with Q-EMA, whose averages decide how weights round; but it is kept by the same moments of a step.
final class WeightAverage: Remedy {
  /// The averages, in the layout of the weights.
  let weights: AlignedBuffer<Float>
  private let decay: Float

  init(decay: Float, count: Int) {
    self.decay = decay
    weights = AlignedBuffer(count: count)
  }

  var state: [(name: String, buffer: AlignedBuffer<Float>)] { [("weight_average", weights)] }

  /// The averages.
  static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(kept: quantizer.bufferBytes, state: quantizer.bufferBytes)
  }

  /// The average starts at the initial weights.
  func beforeStep(_ training: TrainingView, trial: TrialRun) {
    guard training.step == 0 else { return }
    weights.base.update(from: training.weights.base, count: weights.count)
  }

  func afterUpdate(_ training: TrainingView) {
    let length = 1 << 15
    parallelRanges(weights.count, length: length) { range in
      Kernels.current.movingAverage(
        beta: decay, of: training.weights.base + range.lowerBound,
        into: weights.base + range.lowerBound, range.count)
    }
  }
}
