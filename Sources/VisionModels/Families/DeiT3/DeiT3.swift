import Files

/// DeiT-III (Touvron et al. 2022): a ViT with LayerScale behind the branches of its blocks, whose class token has no
/// position.
package enum DeiT3: ModelFamily {
  package static let name = "deit3"
  package static let title = "DeiT-III"
  package static let normEpsilon = ViT.normEpsilon
  package static let sizes = ViT.sizes
  package static let presets: [(name: String, configuration: ModelConfiguration)] = [
    ("deit3_small_patch16_224", ModelConfiguration(architecture: .deit3, width: 384, heads: 6)),
    ("deit3_base_patch16_224", ModelConfiguration(architecture: .deit3, width: 768, heads: 12)),
  ]

  package static func validate(_ shape: ModelConfiguration) throws { try ViT.validate(shape) }

  package static func blueprint(_ shape: ModelConfiguration) -> Blueprint {
    ViT.blueprint(
      shape,
      classToken: ClassToken.Shape(deviation: shape.classTokenDeviation, hasPosition: false),
      layerScale: shape.layerScale)
  }

  package static let names = ViT.names
  package static let hubModel: (type: String, class: String)? = nil

  package static func hubSizes(_ shape: ModelConfiguration) -> JSONLine { ViT.hubSizes(shape) }

  package static func recognizes(_ file: PretrainedNames) -> Bool {
    ViT.recognizes(file) && file.positions?.extra == 0
      && file.layerScale(of: "blocks.0.attn.proj.weight") != nil
  }

  package static func readSizes(
    _ file: PretrainedNames, _ hub: HubSizes?, into found: inout FoundSizes
  ) {
    ViT.readSizes(file, hub, into: &found)
  }
}

extension Architecture {
  /// DeiT-III.
  package static let deit3 = Architecture(DeiT3.self)
}
