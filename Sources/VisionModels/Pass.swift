import MXLinear
import Runtime

/// What every layer of one forward and backward pass shares.
public struct Pass {
  /// The flat buffer of weights.
  public let weights: UnsafePointer<Float>
  /// The moving averages of the weights in the same layout, where Q-EMA is on.
  public let weightEMA: UnsafePointer<Float>?
  /// Where activations live until the step ends.
  public let arena: Arena
  /// Seed and step: what random numbers depend on.
  public let context: StepContext
  /// Whether drop path is active.
  public let training: Bool

  /// A pass over a model.
  public init(
    weights: AlignedBuffer<Float>, weightEMA: AlignedBuffer<Float>? = nil, arena: Arena,
    context: StepContext = StepContext(), training: Bool = false
  ) {
    self.weights = UnsafePointer(weights.base)
    self.weightEMA = weightEMA.map { UnsafePointer($0.base) }
    self.arena = arena
    self.context = context
    self.training = training
  }
}

/// Elements that one slice of an elementwise loop takes.
let elementsPerSlice = 1 << 15
