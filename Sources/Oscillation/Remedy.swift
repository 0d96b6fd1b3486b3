import MXRuntime

/// Runs some steps of plain training on calibration batches from the state of now, shows the training after each, and
/// brings everything back to the bit.
package typealias TrialRun = (_ steps: Int, _ observe: (TrainingView) -> Void) throws -> Void

/// What a remedy takes of memory, in bytes.
package struct RemedyMemory: Sendable, Equatable {
  /// What it keeps as long as the training, and how much of that is in its `state`, which a trial copies.
  package var kept, state: Int
  /// The most scratch that it takes at once.
  package var scratch: Int
  /// What it takes itself while a trial runs; nil where it never runs one.
  package var trial: Int?
  /// Whether weights wait by its `updatePeriods`, for which the optimizer keeps sums and counts.
  package var ramps: Bool

  /// A remedy's account.
  package init(
    kept: Int = 0, state: Int = 0, scratch: Int = 0, trial: Int? = nil, ramps: Bool = false
  ) {
    (self.kept, self.state, self.scratch) = (kept, state, scratch)
    (self.trial, self.ramps) = (trial, ramps)
  }
}

/// A remedy for oscillating weights: the training step calls it at four moments. Whatever a remedy does not need, it
/// leaves out.
package protocol Remedy: AnyObject {
  /// What a checkpoint must hold of it: buffers in the layout of the weights, by names of their own.
  var state: [(name: String, buffer: AlignedBuffer<Float>)] { get }

  /// What it would take of memory for a model, before it exists.
  static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory

  /// Before the forward pass of a step.
  func beforeStep(_ training: TrainingView, trial: TrialRun) throws
  /// Between the backward pass and the optimizer: the gradients may change.
  func beforeUpdate(_ training: TrainingView)
  /// After the optimizer: the weights may change.
  func afterUpdate(_ training: TrainingView)

  /// The moving averages that Q2 is to round by at a step; nil for none.
  func weightAverages(step: Int) -> AlignedBuffer<Float>?
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
  /// None of its own.
  package static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory { RemedyMemory() }
  /// Does nothing.
  package func beforeStep(_ training: TrainingView, trial: TrialRun) throws {}
  /// Does nothing.
  package func beforeUpdate(_ training: TrainingView) {}
  /// Does nothing.
  package func afterUpdate(_ training: TrainingView) {}
  /// None.
  package func weightAverages(step: Int) -> AlignedBuffer<Float>? { nil }
  /// None.
  package var updatePeriods: AlignedBuffer<Float>? { nil }
  /// No.
  package var takesPartInTrials: Bool { false }
  /// Nothing.
  package var report: [(key: String, value: Double)] { [] }
}
