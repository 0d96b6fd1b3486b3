import MXLinear
import Runtime
import VisionModels

/// A model in training: its weights, gradients and moments, and the step that moves them.
public final class TrainingStep {
  /// The model.
  public let model: VisionTransformer
  /// The flat buffer of weights.
  public let weights: AlignedBuffer<Float>
  /// The gradients of the last step.
  public let gradients: AlignedBuffer<Float>
  /// The optimizer with its moments.
  public let optimizer: AdamW
  private let workspace = Workspace()
  /// Where the time of the steps' parts is added up; nil for nowhere.
  public var profile: StepProfile?
  private let seed: UInt64
  private let labelSmoothing: Float

  /// A model with initial weights of the recipe's seed.
  ///
  /// - Throws: `ModelError` where the recipe's shape is impossible.
  public init(_ recipe: Recipe) throws {
    model = try VisionTransformer(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    // Weights, gradients and two moments, four bytes each.
    let needed = Double(model.parameters.count) * 16 / 1_048_576
    guard needed < ProcessUsage.physicalMemory else {
      throw ModelError.memory(
        parameters: model.parameters.count, needed: needed, available: ProcessUsage.physicalMemory)
    }
    weights = AlignedBuffer(count: model.parameters.count)
    gradients = AlignedBuffer(count: model.parameters.count)
    optimizer = AdamW(model.parameters, recipe.optimizer)
    seed = UInt64(recipe.seed)
    labelSmoothing = recipe.training.labelSmoothing
    model.initialize(weights, seed: seed)
  }

  /// Forward, backward and one AdamW step on a batch.
  ///
  /// - Parameters:
  ///   - images: [B, channels, imageSize, imageSize].
  ///   - step: 0, 1, …
  /// - Throws: `NonFiniteTensor` with the step, before the weights are touched.
  public func run(
    _ images: UnsafePointer<Float>, labels: [Int], step: Int, learningRate: Float
  ) throws -> BatchScore {
    do {
      let score = try workspace.frame { try computeGradients(images, labels: labels, step: step) }
      guard score.loss.isFinite else { throw NonFiniteTensor(tensor: "the training loss") }
      let norm = profile.measure(.optimizer) {
        optimizer.step(step + 1, learningRate: learningRate, weights: weights, gradients: gradients)
      }
      guard norm.isFinite else { throw NonFiniteTensor(tensor: "the gradient") }
      return score
    } catch var error as NonFiniteTensor {
      error.step = step
      throw error
    }
  }

  private func computeGradients(
    _ images: UnsafePointer<Float>, labels: [Int], step: Int
  ) throws -> BatchScore {
    let pass = Pass(
      weights: weights, workspace: workspace,
      context: StepContext(seed: seed, step: step, profile: profile), training: true)
    gradients.base.update(repeating: 0, count: gradients.count)
    let (logits, saved) = try model.forward(images, batch: labels.count, pass)
    let dlogits = workspace.scratch.matrix(rows: logits.rows, columns: logits.columns)
    let score = crossEntropy(
      logits, labels: labels, smoothing: labelSmoothing, dlogits: dlogits)
    try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
    return score
  }
}
