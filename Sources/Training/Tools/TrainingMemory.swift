import MXLinear
import Runtime
import VisionModels

/// What training a model takes of memory, by its own account: weights, gradients and moments; what the forward pass keeps
/// for the backward pass; and the most that layers need while they compute. Images and the process itself come on top.
public struct TrainingMemory: Sendable {
  /// Bytes of weights, gradients and two moments.
  public let state: Int
  /// Bytes kept for the backward pass, and of scratch, without images and for each image.
  public let fixed, perImage: Double
  /// What each layer keeps of one image for the backward pass, its quantized weights included: bytes, in the order of
  /// the data.
  public let kept: [(layer: String, bytes: Int)]

  /// Mebibytes at a batch.
  public func mebibytes(batch: Int) -> Double {
    (Double(state) + fixed + Double(batch) * perImage) / 1_048_576
  }

  /// The account of a model and a method: a step on one image and one on two tell what an image takes.
  ///
  /// - Throws: `ModelError`.
  public init(_ shape: ModelConfiguration, _ method: Method, engine: Engine = .packed) throws {
    let model = try VisionModel(shape, recipe: method.linearRecipe, engine: engine)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    let gradients = AlignedBuffer<Float>(count: model.parameters.count)
    model.initialize(weights, seed: 0)
    func numbers(batch: Int, _ account: MemoryAccount? = nil) throws -> Double {
      // In one chunk each, so that nothing is lost at ends of chunks; pages that are not used are never touched.
      let workspace = Workspace(chunkCount: 1 << 28)
      let images = AlignedBuffer<Float>(
        count: batch * shape.channels * shape.imageSize * shape.imageSize)
      var pass = Pass(weights: weights, workspace: workspace, training: true)
      pass.account = account
      let (logits, saved) = try model.forward(images.base, batch: batch, pass)
      let dlogits = workspace.scratch.matrix(rows: logits.rows, columns: logits.columns)
      _ = crossEntropy(logits, labels: [Int](repeating: 0, count: batch), dlogits: dlogits)
      try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
      return Double(workspace.kept.peakCount + workspace.scratch.peakCount)
    }
    let account = MemoryAccount()
    let (one, two) = (try numbers(batch: 1, account), try numbers(batch: 2))
    kept = account.layers.map { (layer: $0.name, bytes: $0.bytes) }
    state = 16 * model.parameters.count
    perImage = 4 * (two - one)
    fixed = 4 * (one - (two - one))
  }
}
