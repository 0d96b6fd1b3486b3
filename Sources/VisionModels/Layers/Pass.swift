import MXCompute
import MXLinear
import MXRuntime

/// What the backward pass of a block computes again instead of keeping it, as far as codes allow it: to the bit what it was.
package enum Recomputation: String, CaseIterable, Sendable {
  /// Nothing.
  case none
  /// The MLP's hidden layer: a ninth more products for two fifths of what a block would keep.
  case mlp
  /// Queries, keys and values, and what the MLP is added to, too: a tenth more products again, for two thirds of the rest.
  case block
}

/// What every layer of one forward and backward pass shares.
package struct Pass {
  /// What computes.
  package let compute: any TrainingCompute
  /// The flat buffer of weights.
  package let weights: AlignedBuffer<Float>
  /// The moving averages of the weights in the same layout, where Q-EMA is on.
  package let weightAverages: AlignedBuffer<Float>?
  /// What quantized weights are to be in their place, in the same layout; nil for themselves.
  package var sampledWeights: AlignedBuffer<Float>?
  /// Q2 of each linear layer's weight, by its number, where it has been made for several passes.
  package var encodedWeights: [Encoded]?
  /// Where activations live: until the step ends, or until their layer is done.
  package let workspace: Workspace
  /// Seed and step: what random numbers depend on.
  package let context: StepContext
  /// Whether drop path is active.
  package let training: Bool
  /// What the backward pass computes again.
  package let recomputation: Recomputation
  /// Where it is written down what each layer keeps for the backward pass; nil for nowhere.
  package var account: MemoryAccount?

  /// A pass over a model.
  package init(
    _ compute: any TrainingCompute, weights: AlignedBuffer<Float>,
    weightAverages: AlignedBuffer<Float>? = nil, workspace: Workspace, context: StepContext,
    training: Bool = false, recomputation: Recomputation = .block
  ) {
    self.compute = compute
    self.weights = weights
    self.weightAverages = weightAverages
    self.workspace = workspace
    self.context = context
    self.training = training
    self.recomputation = recomputation
  }

  /// What the backward pass will need.
  var kept: Arena { workspace.kept }
  /// What a layer needs while it computes.
  var scratch: Arena { workspace.scratch }
  /// Where the time goes, if anybody asked.
  var profile: StepProfile? { context.profile }
}

/// What the layers of a forward pass keep for the backward pass, in the order of the data.
package final class MemoryAccount {
  /// A layer, and the bytes that it kept.
  package private(set) var layers: [(name: String, bytes: Int)] = []
  private var noted = 0

  /// Nothing kept yet.
  package init() {}

  /// Everything that has been kept since the last note is the layer's.
  func note(_ layer: @autoclosure () -> String, _ pass: Pass) {
    let used = pass.kept.usedCount
    layers.append((layer(), (used - noted) * MemoryLayout<Float>.stride))
    noted = used
  }
}
