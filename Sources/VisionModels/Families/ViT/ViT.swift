/// DeiT and ViT: blocks of one width, a class token, global attention (Dosovitskiy et al. 2021; Touvron et al. 2021).
package enum ViT: ModelFamily {
  package static let name = "vit"
  package static let title = "ViT"
  package static let normEpsilon: Float = 1e-6
  package static let sizes = [
    ModelSize("depth", "depth", .integer(\.depth)),
    ModelSize("heads", "num_heads", .integer(\.heads)),
  ]
  package static let presets: [(name: String, configuration: ModelConfiguration)] = [
    ("deit_tiny_patch16_224", ModelConfiguration(width: 192, heads: 3)),
    ("deit_small_patch16_224", ModelConfiguration(width: 384, heads: 6)),
    ("deit_base_patch16_224", ModelConfiguration(width: 768, heads: 12)),
  ]

  package static func validate(_ shape: ModelConfiguration) throws {
    guard shape.width.isMultiple(of: shape.heads) else {
      throw ModelError.heads(shape.heads, width: shape.width)
    }
  }

  package static func blueprint(_ shape: ModelConfiguration) -> Blueprint {
    blueprint(shape, classToken: ClassToken.Shape(deviation: shape.classTokenDeviation))
  }

  /// - Parameter layerScale: what the factors of the branches start from; nil for none.
  static func blueprint(
    _ shape: ModelConfiguration, classToken: ClassToken.Shape, layerScale: Float? = nil
  ) -> Blueprint {
    let embedding = PatchEmbedding.Shape(
      grid: shape.patchGrid, width: shape.width, classToken: classToken)
    let blocks = (0..<shape.depth).map { index in
      Block.Shape(
        name: "blocks.\(index)", index: index, width: shape.width, heads: shape.heads,
        hidden: Int(Float(shape.width) * shape.mlpRatio), tokens: embedding.tokens,
        epsilon: shape.normEpsilon, dropPath: shape.dropPath(ofBlock: index, of: shape.depth),
        layerScale: layerScale, attention: shape.attention)
    }
    return Blueprint(
      embedding: embedding,
      stages: [Stage.Shape(blocks: blocks, tokens: embedding.tokens, width: shape.width)],
      head: ClassificationHead.Shape(
        name: "head", pooling: .classToken, width: shape.width, tokens: embedding.tokens,
        classes: shape.classes, epsilon: shape.normEpsilon))
  }
}

extension Architecture {
  /// DeiT and ViT.
  package static let vit = Architecture(ViT.self)
}
