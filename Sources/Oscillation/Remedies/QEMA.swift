import MXRuntime

/// The EMA quantizer (the paper's Algorithm 1): Q2 rounds a weight to the neighbour that is nearer to its moving
/// average, which crosses a threshold rarely where the weight itself crosses it at every step.
package final class QEMA: Remedy {
  /// w_EMA in the layout of the weights.
  package let averages: AlignedBuffer<Float>
  private let settings: RemedySettings.QEMA
  private let quantizer: WeightQuantizer

  /// An average that has seen nothing.
  package init(_ settings: RemedySettings.QEMA, _ quantizer: WeightQuantizer) {
    self.settings = settings
    self.quantizer = quantizer
    averages = AlignedBuffer(count: quantizer.count)
  }

  /// The averages.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] { [("qema.average", averages)] }

  /// The averages go on in trials, too.
  package var takesPartInTrials: Bool { true }

  /// The initial average is the initial weight; there is no bias correction.
  package func beforeStep(_ training: TrainingView, trial: TrialRun) {
    guard training.step == 0 else { return }
    training.compute.copy(training.weights.matrix(), into: averages.matrix())
  }

  /// w_EMA ← β·w_EMA + (1 − β)·w.
  package func afterUpdate(_ training: TrainingView) {
    training.compute.movingAverage(
      beta: settings.beta, of: training.weights, into: averages, quantizer.slices)
  }

  /// The averages, once they have seen `startStep` steps.
  package func weightAverages(step: Int) -> AlignedBuffer<Float>? {
    step >= settings.startStep ? averages : nil
  }
}

extension RemedySettings {
  /// `qema.*` (the paper's Algorithm 1).
  package struct QEMA: Equatable, Sendable {
    /// β of w_EMA ← β·w_EMA + (1 − β)·w.
    package var beta: Float = 0.998
    /// Steps that the average has seen before Q2 rounds by it.
    package var startStep = 10
  }
}
