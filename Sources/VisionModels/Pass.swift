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
  /// Where it is written down what each layer keeps for the backward pass; nil for nowhere.
  public var account: MemoryAccount?

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

/// What the layers of a forward pass keep for the backward pass, in the order of the data.
public final class MemoryAccount {
  /// A layer, and the bytes that it kept.
  public private(set) var layers: [(name: String, bytes: Int)] = []
  private var noted = 0

  /// Nothing kept yet.
  public init() {}

  /// Everything that has been kept since the last note is the layer's.
  func note(_ layer: @autoclosure () -> String, _ pass: Pass) {
    let used = pass.kept.usedCount
    layers.append((layer(), (used - noted) * MemoryLayout<Float>.stride))
    noted = used
  }
}

/// Elements that one slice of an elementwise loop takes.
let elementsPerSlice = 1 << 15
