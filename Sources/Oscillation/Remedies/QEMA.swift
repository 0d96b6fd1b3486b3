import MXRuntime

/// The EMA quantizer (the paper's Algorithm 1): Q2 rounds a weight to the neighbour that is nearer to its moving
/// average, which crosses a threshold rarely where the weight itself crosses it at every step.
package final class QEMA: Remedy {
  /// w_EMA in the layout of the weights.
  package let averages: AlignedBuffer<Float>
  private let settings: RemedySettings.QEMA
  private let quantizer: WeightQuantizer
  private let totalSteps: Int
  /// The largest learning rate of the training, once it is asked for.
  private var peakRate: Float?

  /// An average that has seen nothing, in a training of so many steps.
  package init(
    _ settings: RemedySettings.QEMA, _ quantizer: WeightQuantizer, totalSteps: Int
  ) {
    self.settings = settings
    self.quantizer = quantizer
    self.totalSteps = totalSteps
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
      beta: beta(training), of: training.weights, into: averages, quantizer.slices)
  }

  /// β of a step.
  private func beta(_ training: TrainingView) -> Float {
    let beta = settings.beta(totalSteps: totalSteps)
    guard settings.followsRate else { return beta }
    let rate = { training.learningRate(min($0, self.totalSteps - 1)) }
    let peak = peakRate ?? (0..<max(totalSteps, 1)).reduce(0) { max($0, rate($1)) }
    peakRate = peak
    return peak > 0 ? 1 - (1 - beta) * (rate(training.step) / peak) : beta
  }

  /// The averages, once weights round by them.
  package func weightAverages(step: Int) -> AlignedBuffer<Float>? {
    step >= settings.firstStep(totalSteps: totalSteps) ? averages : nil
  }
}

extension RemedySettings {
  /// `qema.*` (the paper's Algorithm 1).
  package struct QEMA: Equatable, Sendable {
    /// β of w_EMA ← β·w_EMA + (1 − β)·w.
    package var beta: Float = 0.998
    /// The share of all steps that 1/(1 − β) is, in place of β; 0 for β. The paper's 500 of its 112,590 steps are .0044.
    package var memory = 0.0
    /// Whether 1 − β follows the learning rate: weights that move more slowly are averaged over more steps.
    package var followsRate = false
    /// Steps that the average has seen before Q2 rounds by it.
    package var startStep = 10
    /// The share of training before that.
    package var start = 0.0

    /// β in a training of so many steps, while the rate is at its peak.
    package func beta(totalSteps: Int) -> Float {
      memory > 0 ? Float(1 - 1 / max(1, memory * Double(totalSteps))) : beta
    }

    /// The first step in which Q2 rounds by the average.
    package func firstStep(totalSteps: Int) -> Int {
      max(startStep, RemedySettings.step(start, of: totalSteps))
    }
  }
}
