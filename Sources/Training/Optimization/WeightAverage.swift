import MXRuntime
import Oscillation

/// A moving average of all weights, evaluated beside them (DeiT's recipe keeps one with decay 0.99996).
///
/// It has nothing to do with Q-EMA, whose averages decide how weights round; but it is kept by the same moments of a step.
final class WeightAverage: Remedy {
  /// The averages, in the layout of the weights.
  let weights: AlignedBuffer<Float>
  private let decay: Float
  private let slices: [Range<Int>]

  init(decay: Float, count: Int) {
    self.decay = decay
    weights = AlignedBuffer(count: count)
    let length = 1 << 15
    slices = stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
  }

  var state: [(name: String, buffer: AlignedBuffer<Float>)] { [("weight_average", weights)] }

  /// The average starts at the initial weights.
  func beforeStep(_ training: TrainingView, trial: TrialRun) {
    guard training.step == 0 else { return }
    training.compute.copy(training.weights.matrix(), into: weights.matrix())
  }

  func afterUpdate(_ training: TrainingView) {
    training.compute.movingAverage(beta: decay, of: training.weights, into: weights, slices)
  }
}
