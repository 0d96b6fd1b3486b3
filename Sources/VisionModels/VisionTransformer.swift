import MXCompute
import MXLinear
import MXRuntime

// Shapes: B batch, T tokens, C channels of a token, K classes.

/// The DeiT/ViT family: patch embedding, blocks, norm, head on the class token. Parameters carry timm's
/// names, so that a checkpoint loads into timm's model of the same shape.
///
/// The model is a description: weights, gradients and activations belong to the caller.
package struct VisionTransformer: Sendable {
  /// The shape.
  package let configuration: ModelConfiguration
  /// How the linear layers of the blocks are quantized.
  package let recipe: LinearRecipe
  /// How their products are computed.
  package let engine: Engine
  /// Where the parameters lie.
  package let parameters: ParameterTable

  private let embedding: PatchEmbedding
  private let blocks: [Block]
  private let norm: LayerNorm
  private let head: LinearLayer
  /// Tokens → class tokens, and back.
  private let toClass, toTokens: RowMap

  /// A model of a shape.
  ///
  /// - Throws: `ModelError` where the shape is impossible.
  package init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    try configuration.validate()
    precondition(configuration.architecture == .vit, "a Swin's shape")
    var table = ParameterTable()
    self.configuration = configuration
    self.recipe = recipe
    self.engine = engine
    embedding = PatchEmbedding(configuration.patchGrid, width: configuration.width, in: &table)
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
    toClass = RowMap([0], of: configuration.tokens)
    toTokens = toClass.inverse
  }

  /// What the backward pass needs of the forward pass; it lies on the stack `kept` of the pass's workspace.
  package struct Saved {
    let images: FloatMatrix
    let blocks: UnsafeMutableBufferPointer<Block.Saved>
    let norm: LayerNorm.Saved
    let head: Linear.Saved
  }

  /// images [B, channels·imageSize·imageSize] → logits [B, K], both valid until the workspace is released.
  ///
  /// - Throws: `NonFiniteTensor` where an operand of a linear layer cannot be quantized.
  package func forward(
    _ images: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, saved: Saved) {
    let saved = pass.kept.array(of: Block.Saved.self, count: blocks.count)
    var x = embedding.forward(images, pass)
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
  package func features(
    _ images: FloatMatrix, blocks count: Int, _ pass: Pass
  ) throws -> FloatMatrix {
    let x = embedding.forward(images, pass)
    for block in blocks.prefix(count) {
      try pass.workspace.frame { pass.compute.copy(try block.forward(x, pass).y, into: x) }
    }
    return x
  }

  /// Adds the gradients of all parameters to `gradients`.
  ///
  /// - Parameter dlogits: [B, K].
  /// - Throws: `NonFiniteTensor` where a gradient cannot be quantized.
  package func backward(
    dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws {
    precondition(gradients.count == parameters.count, "a gradient buffer of another model")
    let (compute, scratch) = (pass.compute, pass.scratch)
    try scratch.scratch {
      let dFeatures = try head.backward(dy: dlogits, saved.head, gradients: gradients, pass)
      let dClass = scratch.matrix(rows: dlogits.rows, columns: configuration.width)
      compute.fill(dClass, with: 0)
      norm.backward(dy: dFeatures, saved.norm, dx: dClass, gradients: gradients, pass)
      let dx = scratch.matrix(rows: toTokens.rows(dlogits.rows), columns: configuration.width)
      compute.gather(dClass, toTokens, into: dx)
      for index in blocks.indices.reversed() {
        try blocks[index].backward(dx, saved.blocks[index], gradients: gradients, pass)
      }
      embedding.backward(dx, images: saved.images, gradients: gradients, pass)
    }
  }

  /// Norm and head of the class tokens: x [B·T, C] → logits [B, K].
  func classify(
    _ x: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, norm: LayerNorm.Saved, head: Linear.Saved) {
    // Only the class token reaches the head, so only its rows are normalized.
    let rows = pass.kept.matrix(rows: toClass.rows(x.rows), columns: x.columns)
    pass.compute.gather(x, toClass, into: rows)
    let features = head.inputMatrix(rows: rows.rows, pass)
    let normSaved = norm.forward(rows, y: features, pass)
    let logits = pass.kept.matrix(rows: rows.rows, columns: configuration.classes)
    return (logits, normSaved, try head.forward(features, y: logits, pass))
  }

  /// Every linear layer, in the order of their numbers.
  var linearLayers: [LinearLayer] { blocks.flatMap(\.linearLayers) + [head] }
}
