/// What a model is built of: a family says of its forward and backward pass this, and nothing else.
package struct Blueprint: Sendable {
  /// From images to tokens.
  package var embedding: PatchEmbedding.Shape
  /// The stages of blocks.
  package var stages: [Stage.Shape]
  /// From tokens to logits.
  package var head: ClassificationHead.Shape

  /// The number of blocks, through all stages.
  package var blocks: Int { stages.reduce(0) { $0 + $1.blocks.count } }
}

extension ModelConfiguration {
  /// What the model is built of.
  ///
  /// - Precondition: the shape is a possible one (`validate`).
  package var blueprint: Blueprint { architecture.family.blueprint(self) }

  /// The number of blocks, through all stages.
  package var blocks: Int { blueprint.blocks }

  /// Whether the class of an image is read off a token of its own.
  package var hasClassToken: Bool { blueprint.embedding.classToken != nil }

  /// Whether that token has a position of its own.
  package var placesClassToken: Bool { blueprint.embedding.classToken?.hasPosition == true }

  /// Whether patches are normalized before the first block.
  package var normalizesPatches: Bool { blueprint.embedding.normEpsilon != nil }

  /// One kind of quantized linear layer, of which a stage has one in each block.
  package struct LayerShape: Equatable, Sendable {
    /// "qkv", "proj", "fc1" or "fc2"; behind "stage 1" and so on where there are several.
    package let name: String
    /// N of one image, D and C; and how many blocks have it.
    package let rows, inputs, outputs, count: Int
  }

  /// The quantized linear layers of the model, stage by stage.
  package var layerShapes: [LayerShape] {
    let stages = blueprint.stages
    return stages.enumerated().flatMap { number, stage in
      let block = stage.blocks[0]
      let prefix = stages.count > 1 ? "stage \(number + 1) " : ""
      return [
        ("qkv", block.attentionRows, block.width, 3 * block.width),
        ("proj", block.attentionRows, block.width, block.width),
        ("fc1", block.tokens, block.width, block.hidden),
        ("fc2", block.tokens, block.hidden, block.width),
      ].map { name, rows, inputs, outputs in
        LayerShape(
          name: prefix + name, rows: rows, inputs: inputs, outputs: outputs,
          count: stage.blocks.count)
      }
    }
  }

  /// Multiply-adds of one image's forward pass: projections, attention, merging and head.
  package var multiplyAdds: Int {
    let blueprint = blueprint
    var total = layerShapes.reduce(0) { $0 + $1.rows * $1.inputs * $1.outputs * $1.count }
    total += patches * channels * patchSize * patchSize * width
    for stage in blueprint.stages {
      let block = stage.blocks[0]
      let scores = block.attentionRows * (block.windows?.area ?? block.tokens)
      total += 2 * scores * block.width * stage.blocks.count
      if let merging = stage.merging {
        total += merging.merged * merging.merged * 8 * merging.inputs * merging.inputs
      }
    }
    return total + blueprint.head.width * classes
  }
}
