import MXRuntime

/// Runs some steps of plain training on calibration batches from the state of now, shows the training after each, and
/// brings everything back to the bit.
package typealias TrialRun = (_ steps: Int, _ observe: (TrainingView) -> Void) throws -> Void

/// A remedy for oscillating weights: the training step calls it at four moments. Whatever a remedy does not need, it
/// leaves out.
package protocol Remedy: AnyObject {
  /// What a checkpoint must hold of it: buffers in the layout of the weights, by names of their own.
  var state: [(name: String, buffer: AlignedBuffer<Float>)] { get }

  /// Counts that `report` goes on from, which a checkpoint holds, too.
  var counts: [Int] { get set }

  /// Before the forward pass of a step.
  func beforeStep(_ training: TrainingView, trial: TrialRun) throws
  /// Between the backward pass and the optimizer: the gradients may change.
  func beforeUpdate(_ training: TrainingView)
  /// After the optimizer: the weights may change.
  func afterUpdate(_ training: TrainingView)

  /// The moving averages that Q2 is to round by at a step; nil for none.
  func weightAverages(step: Int) -> AlignedBuffer<Float>?
  /// What linear layers read in place of their quantized weights in the step that runs, in the layout of the weights; nil for these.
  var sampledWeights: AlignedBuffer<Float>? { get }
  /// The weights that a model is deployed by after the steps that are done, values that Q2 leaves as they are; nil for the
  /// weights themselves, by their averages.
  func deployedWeights(_ training: TrainingView) -> AlignedBuffer<Float>?
  /// How many gradients each weight waits for before it takes a step on their mean; nil for 1.
  var updatePeriods: AlignedBuffer<Float>? { get }

  /// Whether `afterUpdate` runs in trials as well, because the quantizer depends on it. What it changes must be in
  /// `state`.
  var takesPartInTrials: Bool { get }

  /// Numbers about it for the metrics, by key.
  var report: [(key: String, value: Double)] { get }
}

extension Remedy {
  /// Nothing.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] { [] }
  /// None.
  package var counts: [Int] {
    get { [] }
    set {}
  }
  /// Does nothing.
  package func beforeStep(_ training: TrainingView, trial: TrialRun) throws {}
  /// Does nothing.
  package func beforeUpdate(_ training: TrainingView) {}
  /// Does nothing.
  package func afterUpdate(_ training: TrainingView) {}
  /// None.
  package func weightAverages(step: Int) -> AlignedBuffer<Float>? { nil }
  /// None.
  package var sampledWeights: AlignedBuffer<Float>? { nil }
  /// None.
  package func deployedWeights(_ training: TrainingView) -> AlignedBuffer<Float>? { nil }
  /// None.
  package var updatePeriods: AlignedBuffer<Float>? { nil }
  /// No.
  package var takesPartInTrials: Bool { false }
  /// Nothing.
  package var report: [(key: String, value: Double)] { [] }
}
