import MXLinear
import Runtime

// Shapes: B batch, T tokens, C channels of a token, K classes.

/// The DeiT/ViT family: patch embedding, blocks, norm, head on the class token. Parameters carry timm's
/// names, so that a checkpoint loads into timm's model of the same shape.
///
/// The model is a description: weights, gradients and activations belong to the caller.
public struct VisionTransformer: Sendable {
  /// The shape.
  public let configuration: ModelConfiguration
  /// How the linear layers of the blocks are quantized.
  public let recipe: LinearRecipe
  /// How their products are computed.
  public let engine: Engine
  /// Where the parameters lie.
  public let parameters: ParameterTable

  private let embedding: PatchEmbedding
  private let blocks: [Block]
  private let norm: LayerNorm
  private let head: LinearLayer

  /// A model of a shape.
  ///
  /// - Throws: `ModelError` where the shape is impossible.
  public init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    try configuration.validate()
    precondition(configuration.architecture == .vit, "a Swin's shape")
    var table = ParameterTable()
    self.configuration = configuration
    self.recipe = recipe
    self.engine = engine
    embedding = PatchEmbedding(configuration, in: &table)
    blocks = (0..<configuration.depth).map { index in
      let shape = Block.Shape(
        name: "blocks.\(index)", index: index, width: configuration.width,
        heads: configuration.heads, hidden: configuration.hidden, tokens: configuration.tokens,
        epsilon: configuration.normEpsilon,
        dropPath: configuration.dropPath * Float(index) / Float(max(configuration.depth - 1, 1)))
      return Block(shape, recipe: recipe, engine: engine, in: &table)
    }
    norm = LayerNorm(
      "norm", width: configuration.width, epsilon: configuration.normEpsilon, in: &table)
    head = LinearLayer(
      "head", index: 4 * configuration.depth, inputs: configuration.width,
      outputs: configuration.classes, recipe: nil, engine: engine, in: &table)
    parameters = table
  }

  /// What the backward pass needs of the forward pass; it lies on the stack `kept` of the pass's workspace.
  public struct Saved {
    let images: UnsafePointer<Float>
    let blocks: UnsafeMutableBufferPointer<Block.Saved>
    let norm: LayerNorm.Saved
    let head: Linear.Saved
  }

  /// images [B, channels, imageSize, imageSize] → logits [B, K], both valid until the workspace is released.
  ///
  /// - Throws: `NonFiniteTensor` where an operand of a linear layer cannot be quantized.
  public func forward(
    _ images: UnsafePointer<Float>, batch: Int, _ pass: Pass
  ) throws -> (logits: FloatMatrix, saved: Saved) {
    let saved = pass.kept.array(of: Block.Saved.self, count: blocks.count)
    var x = embedding.forward(images, batch: batch, pass)
    pass.account?.note("embedding", pass)
    for (index, block) in blocks.enumerated() {
      (x, saved[index]) = try block.forward(x, pass)
      pass.account?.note("blocks.\(block.index)", pass)
    }
    let (logits, normSaved, headSaved) = try classify(x, pass)
    pass.account?.note("norm and head", pass)
    return (logits, Saved(images: images, blocks: saved, norm: normSaved, head: headSaved))
  }

  /// The output of the first `blocks` blocks, [B·T, C], with no more memory than one block needs; valid until the
  /// workspace is released.
  ///
  /// - Throws: as `forward`.
  public func features(
    _ images: UnsafePointer<Float>, batch: Int, blocks count: Int, _ pass: Pass
  ) throws -> FloatMatrix {
    let x = embedding.forward(images, batch: batch, pass)
    for block in blocks.prefix(count) {
      try pass.workspace.frame { x.assign(from: try block.forward(x, pass).y) }
    }
    return x
  }

  /// Adds the gradients of all parameters to `gradients`.
  ///
  /// - Parameter dlogits: [B, K].
  /// - Throws: `NonFiniteTensor` where a gradient cannot be quantized.
  public func backward(
    dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws {
    precondition(gradients.count == parameters.count, "a gradient buffer of another model")
    let (tokens, width) = (configuration.tokens, configuration.width)
    let base = gradients.base
    try pass.scratch.scratch {
      let batch = dlogits.rows
      let dFeatures = try head.backward(dy: dlogits, saved.head, gradients: base, pass)
      let dClass = pass.scratch.matrix(rows: batch, columns: width)
      dClass.base.update(repeating: 0, count: dClass.count)
      norm.backward(dy: dFeatures, saved.norm, dx: dClass, gradients: base, pass)
      let dx = pass.scratch.matrix(rows: batch * tokens, columns: width)
      dx.base.update(repeating: 0, count: dx.count)
      for image in 0..<batch {
        dx.row(image * tokens).update(from: dClass.row(image), count: width)
      }
      for index in blocks.indices.reversed() {
        try blocks[index].backward(dx, saved.blocks[index], gradients: base, pass)
      }
      embedding.backward(dx, images: saved.images, gradients: base, pass)
    }
  }

  /// Norm and head of the class tokens: x [B·T, C] → logits [B, K].
  func classify(
    _ x: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, norm: LayerNorm.Saved, head: Linear.Saved) {
    let rows = classRows(of: x, pass)
    let features = head.inputMatrix(rows: rows.rows, pass)
    let normSaved = norm.forward(rows, y: features, pass)
    let logits = pass.kept.matrix(rows: rows.rows, columns: configuration.classes)
    return (logits, normSaved, try head.forward(features, y: logits, pass))
  }

  /// [B·T, C] → [B, C]: only the class token reaches the head, so only its rows are normalized.
  private func classRows(of x: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let batch = x.rows / configuration.tokens
    let rows = pass.kept.matrix(rows: batch, columns: x.columns)
    for image in 0..<batch {
      rows.row(image).update(from: x.row(image * configuration.tokens), count: x.columns)
    }
    return rows
  }
}
