import MXCompute
import MXLinear
import MXRuntime

// Shapes: B batch, T tokens and C channels of a stage, K classes.

/// A model of any family: an embedding, stages of blocks, a head. Parameters carry timm's names, so that a checkpoint
/// loads into timm's model of the same shape.
///
/// The model is a description: weights, gradients and activations belong to the caller.
package struct VisionModel: Sendable {
  /// The shape.
  package let configuration: ModelConfiguration
  /// How products are computed.
  package let engine: Engine
  /// Where the parameters lie.
  package let parameters: ParameterTable

  private let embedding: PatchEmbedding
  private let stages: [Stage]
  private let head: ClassificationHead

  /// A model of a shape.
  ///
  /// - Parameter recipe: how the linear layers of the blocks are quantized, and what all others read.
  /// - Throws: `ModelError` where the shape is impossible.
  package init(
    _ configuration: ModelConfiguration, recipe: LinearRecipe, engine: Engine = .packed
  ) throws {
    try configuration.validate()
    (self.configuration, self.engine) = (configuration, engine)
    let blueprint = configuration.blueprint
    let count = blueprint.blocks
    var table = ParameterTable()
    table.part = ParameterTable.Part(layersBehind: count + 1)
    var patches = blueprint.embedding
    patches.grid.precision = recipe.unquantized
    embedding = PatchEmbedding(patches, in: &table)
    var (stages, behind): ([Stage], Int) = ([], count)
    for stage in blueprint.stages {
      stages.append(
        Stage(stage, layersBehind: behind, recipe: recipe, engine: engine, in: &table))
      behind -= stage.blocks.count
    }
    self.stages = stages
    table.part = ParameterTable.Part()
    head = ClassificationHead(
      blueprint.head, index: 4 * count, recipe: recipe, engine: engine, in: &table)
    parameters = table
  }

  /// Fills a buffer with timm's initial values: the same for a seed whatever else stands between the tensors that learn.
  package func initialize(
    _ weights: AlignedBuffer<Float>, seed: UInt64, by compute: any TrainingCompute
  ) {
    precondition(weights.count == parameters.count, "a buffer of another model")
    var learned = 0
    for entry in parameters.entries {
      compute.initialize(
        weights[entry.parameter], entry.initial,
        random: RandomStream(seed: seed, purpose: .initialization, layer: learned))
      if entry.part.role.isLearned { learned += 1 }
    }
  }

  /// What the backward pass needs of the forward pass; it lies on the stack `kept` of the pass's workspace.
  package struct Saved {
    let images: FloatMatrix
    let embedding: LayerNorm.Saved?
    let stages: UnsafeMutableBufferPointer<Stage.Saved>
    let head: ClassificationHead.Saved
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
    var (x, embedded) = embedding.forward(images, pass)
    pass.account?.note("embedding", pass)
    for (number, stage) in stages.enumerated() {
      if let merging = stage.merging {
        (x, saved[number].merging) = merging.forward(x, pass)
        pass.account?.note(merging.name, pass)
      }
      for (index, block) in stage.blocks.enumerated() {
        (x, saved[number].blocks[index]) = try block.forward(x, pass)
        pass.account?.note(block.name, pass)
      }
    }
    let (logits, headSaved) = try head.forward(x, pass)
    pass.account?.note("norm and head", pass)
    return (logits, Saved(images: images, embedding: embedded, stages: saved, head: headSaved))
  }

  /// Adds the gradients of all parameters to `gradients`.
  ///
  /// - Parameters:
  ///   - dlogits: [B, K].
  ///   - done: is told of each layer whose gradients are complete, by how many lie behind it (`ParameterTable.layers`).
  /// - Throws: `NonFiniteTensor` where a gradient cannot be quantized.
  package func backward(
    dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass,
    done: (_ depth: Int) -> Void = { _ in }
  ) throws {
    precondition(gradients.count == parameters.count, "a gradient buffer of another model")
    try pass.scratch.scratch {
      var dx = try head.backward(dlogits, saved.head, gradients: gradients, pass)
      var depth = 0
      done(depth)
      for number in stages.indices.reversed() {
        let (stage, saved) = (stages[number], saved.stages[number])
        for index in stage.blocks.indices.reversed() {
          try stage.blocks[index].backward(dx, saved.blocks[index], gradients: gradients, pass)
          // Merging goes with the first block.
          if index == 0, let merging = stage.merging, let saved = saved.merging {
            dx = merging.backward(dx, saved, gradients: gradients, pass)
          }
          depth += 1
          done(depth)
        }
      }
      embedding.backward(
        dx, saved.embedding, images: saved.images, gradients: gradients, pass)
      done(depth + 1)
    }
  }

  /// The logits alone, [B, K], with no more memory than one block and one merging a stage need; valid until the
  /// workspace is released.
  ///
  /// - Throws: as `forward`.
  package func logits(_ images: FloatMatrix, _ pass: Pass) throws -> FloatMatrix {
    let logits = pass.kept.matrix(rows: images.rows, columns: configuration.classes)
    try pass.workspace.frame {
      let x = try features(images, pass)
      pass.compute.copy(try head.forward(x, pass).logits, into: logits)
    }
    return logits
  }

  /// The output of a block, [B·T, C] with the T and C of its stage; valid until the workspace is released.
  ///
  /// - Parameter block: from 1, through all stages; nil for the last.
  /// - Throws: as `forward`.
  package func features(
    _ images: FloatMatrix, block: Int? = nil, _ pass: Pass
  ) throws -> FloatMatrix {
    var x = embedding.forward(images, pass).x
    var left = block ?? .max
    for stage in stages where left > 0 {
      x = stage.merging?.forward(x, pass).y ?? x
      for block in stage.blocks.prefix(left) {
        left -= 1
        try pass.workspace.frame { _ = try block.forward(x, overwrites: true, pass) }
      }
    }
    return x
  }

  /// A pass for evaluations of many batches: without drop path, and with every weight encoded once.
  ///
  /// - Parameters:
  ///   - averages: the moving averages that weights round by; nil for none.
  ///   - codes: what stands in the place of quantized weights, by their names; the buffer's numbers are not read then.
  ///   - encoded: where the encoded weights lie; the pass is valid until it is released.
  /// - Throws: `NonFiniteTensor` where a weight cannot be quantized.
  package func evaluationPass(
    _ compute: any TrainingCompute, weights: AlignedBuffer<Float>,
    averages: AlignedBuffer<Float>? = nil, codes: [String: Encoded] = [:], workspace: Workspace,
    encoded: Arena
  ) throws -> Pass {
    var pass = Pass(
      compute, weights: weights, weightAverages: averages, workspace: workspace,
      context: StepContext(compute))
    pass.encodedWeights = try linearLayers.map {
      try codes[$0.weightName] ?? $0.encodeWeight(encoded, pass)
    }
    return pass
  }

  /// Every linear layer, in the order of their numbers.
  private var linearLayers: [LinearLayer] {
    stages.flatMap { $0.blocks.flatMap(\.linearLayers) } + [head.linear]
  }
}
