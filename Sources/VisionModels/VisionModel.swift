import MXCompute
import MXLinear
import MXRuntime

/// A model of any family behind one interface; shapes and errors stand at `VisionTransformer` and `SwinTransformer`.
package enum VisionModel: Sendable {
  /// DeiT and ViT.
  case vit(VisionTransformer)
  /// Swin.
  case swin(SwinTransformer)

  /// A model of a shape.
  ///
  /// - Throws: `ModelError` where the shape is impossible.
  package init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    switch configuration.architecture {
    case .vit:
      self = .vit(try VisionTransformer(configuration, recipe: recipe, engine: engine))
    case .swin: self = .swin(try SwinTransformer(configuration, recipe: recipe, engine: engine))
    }
  }

  /// What the backward pass needs of the forward pass.
  package enum Saved {
    /// Of a ViT.
    case vit(VisionTransformer.Saved)
    /// Of a Swin.
    case swin(SwinTransformer.Saved)
  }

  /// The shape.
  package var configuration: ModelConfiguration {
    switch self {
    case .vit(let model): model.configuration
    case .swin(let model): model.configuration
    }
  }

  /// Where the parameters lie.
  package var parameters: ParameterTable {
    switch self {
    case .vit(let model): model.parameters
    case .swin(let model): model.parameters
    }
  }

  /// How products are computed.
  package var engine: Engine {
    switch self {
    case .vit(let model): model.engine
    case .swin(let model): model.engine
    }
  }

  /// images [B, channels·imageSize·imageSize] → logits [B, K].
  package func forward(
    _ images: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, saved: Saved) {
    switch self {
    case .vit(let model):
      let (logits, saved) = try model.forward(images, pass)
      return (logits, .vit(saved))
    case .swin(let model):
      let (logits, saved) = try model.forward(images, pass)
      return (logits, .swin(saved))
    }
  }

  /// The logits alone, [B, K], with no more memory than one block and one merging a stage need; valid until the
  /// workspace is released.
  ///
  /// - Throws: as `forward`.
  package func logits(
    _ images: FloatMatrix, _ pass: Pass
  ) throws -> FloatMatrix {
    let logits = pass.kept.matrix(rows: images.rows, columns: configuration.classes)
    try pass.workspace.frame {
      let x = try features(images, pass)
      switch self {
      case .vit(let model):
        pass.compute.copy(try model.classify(x, pass).logits, into: logits)
      case .swin(let model):
        pass.compute.copy(try model.classify(x, pass).logits, into: logits)
      }
    }
    return logits
  }

  /// The output of a block, [B·T, C] with the T and C of its stage.
  ///
  /// - Parameter block: from 1, through all stages; nil for the last.
  package func features(
    _ images: FloatMatrix, block: Int? = nil, _ pass: Pass
  ) throws -> FloatMatrix {
    let blocks = block ?? configuration.blocks
    return switch self {
    case .vit(let model): try model.features(images, blocks: blocks, pass)
    case .swin(let model): try model.features(images, blocks: blocks, pass)
    }
  }

  /// Adds the gradients of all parameters to `gradients`.
  package func backward(
    dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws {
    switch (self, saved) {
    case (.vit(let model), .vit(let saved)):
      try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
    case (.swin(let model), .swin(let saved)):
      try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
    default: preconditionFailure("what another model saved")
    }
  }

  /// A pass for evaluations of many batches: without drop path, and with every weight encoded once.
  ///
  /// - Parameters:
  ///   - averages: the moving averages that weights round by; nil for none.
  ///   - encoded: where the encoded weights lie; the pass is valid until it is released.
  /// - Throws: `NonFiniteTensor` where a weight cannot be quantized.
  package func evaluationPass(
    _ compute: any TrainingCompute, weights: AlignedBuffer<Float>,
    averages: AlignedBuffer<Float>?, workspace: Workspace, encoded: Arena
  ) throws -> Pass {
    var pass = Pass(
      compute, weights: weights, weightAverages: averages, workspace: workspace,
      context: StepContext(compute))
    pass.encodedWeights = try encodeWeights(encoded, pass)
    return pass
  }

  /// Q2 of every linear layer, by its number, for passes that share weights; valid until the arena is released.
  ///
  /// - Throws: `NonFiniteTensor` where a weight cannot be quantized.
  private func encodeWeights(_ arena: Arena, _ pass: Pass) throws -> [Encoded] {
    try linearLayers.map { try $0.encodeWeight(arena, pass) }
  }

  /// Bytes of all weights as evaluations keep them encoded.
  package var encodedWeightBytes: Int { linearLayers.reduce(0) { $0 + $1.encodedWeightBytes } }

  private var linearLayers: [LinearLayer] {
    switch self {
    case .vit(let model): model.linearLayers
    case .swin(let model): model.linearLayers
    }
  }
}
