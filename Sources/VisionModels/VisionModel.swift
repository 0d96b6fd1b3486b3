import MXLinear
import Runtime

/// A model of any family behind one interface; shapes and errors stand at `VisionTransformer` and `SwinTransformer`.
public enum VisionModel: Sendable {
  /// DeiT and ViT.
  case vit(VisionTransformer)
  /// Swin.
  case swin(SwinTransformer)

  /// A model of a shape.
  ///
  /// - Throws: `ModelError` where the shape is impossible.
  public init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    switch configuration.architecture {
    case .vit:
      self = .vit(try VisionTransformer(configuration, recipe: recipe, engine: engine))
    case .swin: self = .swin(try SwinTransformer(configuration, recipe: recipe, engine: engine))
    }
  }

  /// What the backward pass needs of the forward pass.
  public enum Saved {
    /// Of a ViT.
    case vit(VisionTransformer.Saved)
    /// Of a Swin.
    case swin(SwinTransformer.Saved)
  }

  /// The shape.
  public var configuration: ModelConfiguration {
    switch self {
    case .vit(let model): model.configuration
    case .swin(let model): model.configuration
    }
  }

  /// Where the parameters lie.
  public var parameters: ParameterTable {
    switch self {
    case .vit(let model): model.parameters
    case .swin(let model): model.parameters
    }
  }

  /// How products are computed.
  public var engine: Engine {
    switch self {
    case .vit(let model): model.engine
    case .swin(let model): model.engine
    }
  }

  /// images [B, channels, imageSize, imageSize] → logits [B, K].
  public func forward(
    _ images: UnsafePointer<Float>, batch: Int, _ pass: Pass
  ) throws -> (logits: FloatMatrix, saved: Saved) {
    switch self {
    case .vit(let model):
      let (logits, saved) = try model.forward(images, batch: batch, pass)
      return (logits, .vit(saved))
    case .swin(let model):
      let (logits, saved) = try model.forward(images, batch: batch, pass)
      return (logits, .swin(saved))
    }
  }

  /// The logits alone, [B, K], with no more memory than one block and one merging a stage need; valid until the
  /// workspace is released.
  ///
  /// - Throws: as `forward`.
  public func logits(
    _ images: UnsafePointer<Float>, batch: Int, _ pass: Pass
  ) throws -> FloatMatrix {
    let logits = pass.kept.matrix(rows: batch, columns: configuration.classes)
    try pass.workspace.frame {
      let x = try features(images, batch: batch, pass)
      switch self {
      case .vit(let model): logits.assign(from: try model.classify(x, pass).logits)
      case .swin(let model): logits.assign(from: try model.classify(x, pass).logits)
      }
    }
    return logits
  }

  /// The output of a block, [B·T, C] with the T and C of its stage.
  ///
  /// - Parameter block: from 1, through all stages; nil for the last.
  public func features(
    _ images: UnsafePointer<Float>, batch: Int, block: Int? = nil, _ pass: Pass
  ) throws -> FloatMatrix {
    let blocks = block ?? configuration.blocks
    return switch self {
    case .vit(let model): try model.features(images, batch: batch, blocks: blocks, pass)
    case .swin(let model): try model.features(images, batch: batch, blocks: blocks, pass)
    }
  }

  /// Adds the gradients of all parameters to `gradients`.
  public func backward(
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
}
