import MXLinear
import MXRuntime

// Shapes: B batch, T tokens of the last stage, C channels there, K classes.

/// The Swin family (Liu et al. 2021): stages of blocks with attention in shifted windows, patch merging between them,
/// the mean of the normalized tokens into the head. Parameters carry timm's names.
///
/// The model is a description: weights, gradients and activations belong to the caller.
package struct SwinTransformer: Sendable {
  /// The shape.
  package let configuration: ModelConfiguration
  /// How the linear layers of the blocks are quantized.
  package let recipe: LinearRecipe
  /// How their products are computed.
  package let engine: Engine
  /// Where the parameters lie.
  package let parameters: ParameterTable

  private let projection: PatchProjection
  private let embeddingNorm: LayerNorm
  private let stages: [Stage]
  private let norm: LayerNorm
  private let head: LinearLayer

  fileprivate struct Stage {
    let merging: PatchMerging?
    let blocks: [Block]
    /// Tokens of an image, and channels of a token.
    let tokens, width: Int

    struct Saved {
      var merging: PatchMerging.Saved?
      let blocks: UnsafeMutableBufferPointer<Block.Saved>
    }
  }

  /// A model of a shape.
  ///
  /// - Throws: `ModelError` where the shape is impossible.
  package init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    try configuration.validate()
    precondition(configuration.architecture == .swin, "a ViT's shape")
    var table = ParameterTable()
    self.configuration = configuration
    (self.recipe, self.engine) = (recipe, engine)
    let epsilon = configuration.normEpsilon
    projection = PatchProjection(
      configuration.patchGrid, width: configuration.width, in: &table)
    embeddingNorm = LayerNorm(
      "patch_embed.norm", width: configuration.width, epsilon: epsilon, in: &table)
    var stages: [Stage] = []
    var side = configuration.imageSize / configuration.patchSize
    var width = configuration.width
    let depth = configuration.stageDepths.reduce(0, +)
    var index = 0
    for (stage, count) in configuration.stageDepths.enumerated() {
      var merging: PatchMerging?
      if stage > 0 {
        let layer = PatchMerging(
          "layers.\(stage).downsample", side: side, inputs: width, epsilon: epsilon, in: &table)
        (side, width, merging) = (layer.merged, 2 * width, layer)
      }
      var blocks: [Block] = []
      for number in 0..<count {
        let shape = Block.Shape(
          name: "layers.\(stage).blocks.\(number)", index: index, width: width,
          heads: configuration.stageHeads[stage],
          hidden: Int(Float(width) * configuration.mlpRatio), tokens: side * side,
          epsilon: epsilon,
          dropPath: configuration.dropPath * Float(index) / Float(max(depth - 1, 1)),
          windows: WindowLayout(
            side: side, window: configuration.windowSize, isShifted: !number.isMultiple(of: 2)))
        blocks.append(Block(shape, recipe: recipe, engine: engine, in: &table))
        index += 1
      }
      stages.append(Stage(merging: merging, blocks: blocks, tokens: side * side, width: width))
    }
    self.stages = stages
    norm = LayerNorm("norm", width: width, epsilon: epsilon, in: &table)
    head = LinearLayer(
      "head.fc", index: 4 * depth, inputs: width, outputs: configuration.classes, recipe: nil,
      engine: engine, in: &table)
    parameters = table
  }

  /// What the backward pass needs of the forward pass; it lies on the stack `kept` of the pass's workspace.
  package struct Saved {
    let images: FloatMatrix
    let embedding: LayerNorm.Saved
    fileprivate let stages: UnsafeMutableBufferPointer<Stage.Saved>
    let norm: LayerNorm.Saved
    let head: Linear.Saved
  }

  /// images [B, channels·imageSize·imageSize] → logits [B, K], both valid until the workspace is released.
  ///
  /// - Throws: `NonFiniteTensor` where an operand of a linear layer cannot be quantized.
  package func forward(
    _ images: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, saved: Saved) {
    let saved = pass.kept.array(of: Stage.Saved.self, count: stages.count)
    for (number, stage) in stages.enumerated() {
      let blocks = pass.kept.array(of: Block.Saved.self, count: stage.blocks.count)
      saved[number] = Stage.Saved(merging: nil, blocks: blocks)
    }
    var (x, embedding) = embed(images, pass)
    pass.account?.note("embedding", pass)
    for (number, stage) in stages.enumerated() {
      let merged = stage.merging?.forward(x, pass)
      x = merged?.y ?? x
      if merged != nil { pass.account?.note("layers.\(number).downsample", pass) }
      saved[number].merging = merged?.saved
      for (index, block) in stage.blocks.enumerated() {
        (x, saved[number].blocks[index]) = try block.forward(x, pass)
        pass.account?.note("layers.\(number).blocks.\(index)", pass)
      }
    }
    let (logits, normSaved, headSaved) = try classify(x, pass)
    pass.account?.note("norm and head", pass)
    return (
      logits,
      Saved(
        images: images, embedding: embedding, stages: saved, norm: normSaved, head: headSaved)
    )
  }

  /// The output of the first `blocks` blocks, [B·T, C] of their last stage; valid until the workspace is released.
  ///
  /// - Throws: as `forward`.
  package func features(
    _ images: FloatMatrix, blocks count: Int, _ pass: Pass
  ) throws -> FloatMatrix {
    var x = embed(images, pass).x
    var left = count
    for stage in stages where left > 0 {
      x = stage.merging?.forward(x, pass).y ?? x
      for block in stage.blocks.prefix(left) {
        left -= 1
        try pass.workspace.frame { pass.compute.copy(try block.forward(x, pass).y, into: x) }
      }
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
    try pass.scratch.scratch {
      var dx = try classifyBackward(dlogits, saved, gradients: gradients, pass)
      for index in stages.indices.reversed() {
        let (stage, saved) = (stages[index], saved.stages[index])
        for index in stage.blocks.indices.reversed() {
          try stage.blocks[index].backward(dx, saved.blocks[index], gradients: gradients, pass)
        }
        if let merging = stage.merging, let saved = saved.merging {
          dx = merging.backward(dx, saved, gradients: gradients, pass)
        }
      }
      let dPatches = pass.scratch.matrix(rows: dx.rows, columns: dx.columns)
      pass.compute.fill(dPatches, with: 0)
      embeddingNorm.backward(dy: dx, saved.embedding, dx: dPatches, gradients: gradients, pass)
      projection.backward(dPatches, images: saved.images, gradients: gradients, pass)
    }
  }

  /// Images → normalized patches [B·P, C].
  private func embed(
    _ images: FloatMatrix, _ pass: Pass
  ) -> (x: FloatMatrix, saved: LayerNorm.Saved) {
    let rows = images.rows * configuration.patches
    let projected = pass.kept.matrix(rows: rows, columns: configuration.width)
    projection.forward(images, y: projected, pass)
    let x = pass.kept.matrix(rows: rows, columns: configuration.width)
    return (x, embeddingNorm.forward(projected, y: x, pass))
  }

  /// Norm, mean over the tokens and head: x [B·T, C] → logits [B, K].
  func classify(
    _ x: FloatMatrix, _ pass: Pass
  ) throws -> (logits: FloatMatrix, norm: LayerNorm.Saved, head: Linear.Saved) {
    let last = stages[stages.count - 1]
    let batch = x.rows / last.tokens
    let means = head.inputMatrix(rows: batch, pass)
    let logits = pass.kept.matrix(rows: batch, columns: configuration.classes)
    let normSaved = pass.scratch.scratch {
      let normed = pass.scratch.matrix(rows: x.rows, columns: x.columns)
      let saved = norm.forward(x, y: normed, pass)
      pass.compute.means(of: normed, length: last.tokens, into: means)
      return saved
    }
    return (logits, normSaved, try head.forward(means, y: logits, pass))
  }

  /// dlogits [B, K] → dx [B·T, C], in scratch memory.
  private func classifyBackward(
    _ dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let last = stages[stages.count - 1]
    let dx = pass.scratch.matrix(rows: dlogits.rows * last.tokens, columns: last.width)
    pass.compute.fill(dx, with: 0)
    try pass.scratch.scratch {
      let dMeans = try head.backward(dy: dlogits, saved.head, gradients: gradients, pass)
      let dNormed = pass.scratch.matrix(rows: dx.rows, columns: dx.columns)
      pass.compute.spreadMeans(dMeans, length: last.tokens, into: dNormed)
      norm.backward(dy: dNormed, saved.norm, dx: dx, gradients: gradients, pass)
    }
    return dx
  }

  /// Every linear layer, in the order of their numbers.
  var linearLayers: [LinearLayer] {
    stages.flatMap { $0.blocks.flatMap(\.linearLayers) } + [head]
  }
}
