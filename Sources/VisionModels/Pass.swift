import MXLinear
import Runtime

/// What every layer of one forward and backward pass shares.
public struct Pass {
  /// The flat buffer of weights.
  public let weights: UnsafePointer<Float>
  /// The moving averages of the weights in the same layout, where Q-EMA is on.
  public let weightEMA: UnsafePointer<Float>?
  /// Where activations live: until the step ends, or until their layer is done.
  public let workspace: Workspace
  /// Seed and step: what random numbers depend on.
  public let context: StepContext
  /// Whether drop path is active.
  public let training: Bool

  /// A pass over a model.
  public init(
    weights: AlignedBuffer<Float>, weightEMA: AlignedBuffer<Float>? = nil, workspace: Workspace,
    context: StepContext = StepContext(), training: Bool = false
  ) {
    self.weights = UnsafePointer(weights.base)
    self.weightEMA = weightEMA.map { UnsafePointer($0.base) }
    self.workspace = workspace
    self.context = context
    self.training = training
  }

  /// What the backward pass will need.
  var kept: Arena { workspace.kept }
  /// What a layer needs while it computes.
  var scratch: Arena { workspace.scratch }
  /// Where the time goes, if anybody asked.
  var profile: StepProfile? { context.profile }
}

/// Elements that one slice of an elementwise loop takes.
let elementsPerSlice = 1 << 15
