import MXLinear
import Runtime

/// A training as a remedy sees it, at one moment of one step. All buffers have the layout of the model's weights.
public struct TrainingView {
  /// The step that runs, from 0; of all `totalSteps`, `stepsPerEpoch` an epoch.
  public let step, totalSteps, stepsPerEpoch: Int
  /// The learning rate of every step of the training, from 0.
  public let learningRate: (_ step: Int) -> Float
  /// The latent weights, and the gradients of this step.
  public let weights, gradients: AlignedBuffer<Float>
  /// The moving averages that Q2 rounds by now; nil for none.
  public let averages: AlignedBuffer<Float>?
  /// Q2 of all weights.
  public let quantizer: WeightQuantizer
  /// Scratch.
  public let arena: Arena

  /// A moment of a training.
  public init(
    step: Int, totalSteps: Int, stepsPerEpoch: Int, learningRate: @escaping (Int) -> Float,
    weights: AlignedBuffer<Float>, gradients: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    quantizer: WeightQuantizer,
    arena: Arena
  ) {
    (self.step, self.totalSteps, self.stepsPerEpoch) = (step, totalSteps, stepsPerEpoch)
    self.learningRate = learningRate
    (self.weights, self.gradients, self.averages) = (weights, gradients, averages)
    (self.quantizer, self.arena) = (quantizer, arena)
  }

  /// Whether the learning rate is larger at any of some steps than at the one before it.
  public func learningRateRises(in steps: Range<Int>) -> Bool {
    zip(steps, steps.dropFirst()).contains { learningRate($0) < learningRate($1) }
  }

  /// How much of the training lies behind, 0…1.
  public var share: Double { Double(step) / Double(max(totalSteps, 1)) }
}

/// Runs some steps of plain training on calibration batches from the state of now, shows the training after each, and
/// brings everything back to the bit.
public typealias TrialRun = (_ steps: Int, _ observe: (TrainingView) -> Void) throws -> Void

/// What a remedy takes of memory, in bytes.
public struct RemedyMemory: Sendable, Equatable {
  /// What it keeps as long as the training, and how much of that is in its `state`, which a trial copies.
  public var kept, state: Int
  /// The most scratch that it takes at once.
  public var scratch: Int
  /// What it takes itself while a trial runs; nil where it never runs one.
  public var trial: Int?
  /// Whether weights wait by its `updatePeriods`, for which the optimizer keeps sums and counts.
  public var ramps: Bool

  /// A remedy's account.
  public init(
    kept: Int = 0, state: Int = 0, scratch: Int = 0, trial: Int? = nil, ramps: Bool = false
  ) {
    (self.kept, self.state, self.scratch) = (kept, state, scratch)
    (self.trial, self.ramps) = (trial, ramps)
  }
}

/// A remedy for oscillating weights: the training step calls it at four moments. Whatever a remedy does not need, it
/// leaves out.
public protocol Remedy: AnyObject {
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
  public var state: [(name: String, buffer: AlignedBuffer<Float>)] { [] }
  /// None of its own.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory { RemedyMemory() }
  /// Does nothing.
  public func beforeStep(_ training: TrainingView, trial: TrialRun) throws {}
  /// Does nothing.
  public func beforeUpdate(_ training: TrainingView) {}
  /// Does nothing.
  public func afterUpdate(_ training: TrainingView) {}
  /// None.
  public func weightAverages(step: Int) -> AlignedBuffer<Float>? { nil }
  /// None.
  public var updatePeriods: AlignedBuffer<Float>? { nil }
  /// No.
  public var takesPartInTrials: Bool { false }
  /// Nothing.
  public var report: [(key: String, value: Double)] { [] }
}
