import Files

/// ViTs in files that others wrote.
extension ViT {
  package static let names = FamilyNames(
    blocks: "blocks.*", hubBlocks: "encoder.layer.*", hubAttention: "attention.attention")

  package static let hubModel: (type: String, class: String)? = (
    "vit", "ViTForImageClassification"
  )

  package static func hubSizes(_ shape: ModelConfiguration) -> JSONLine {
    var line = JSONLine()
    line.add("hidden_size", shape.width)
    line.add("num_hidden_layers", shape.depth)
    line.add("num_attention_heads", shape.heads)
    line.add("intermediate_size", Int(Float(shape.width) * shape.mlpRatio))
    return line
  }

  package static func recognizes(_ file: PretrainedNames) -> Bool {
    file.depth > 0
  }

  package static func readSizes(
    _ file: PretrainedNames, _ hub: HubSizes?, into found: inout FoundSizes
  ) {
    // Transformers' own ViT differs from timm's.
    let isHubViT = file.has("encoder.layer.0.layernorm_before.weight")
    found.set("norm_epsilon", hub?.normEpsilon ?? (isHubViT ? 1e-12 : normEpsilon))
    found.set("depth", file.depth)
    if let side = file.positions?.side { found.set("image_size", side * found.patchSize) }
    guard !found.isNamed("heads") else { return }
    if let heads = hub?.heads {
      found.set("heads", heads)
    } else if let heads = usualHeads(found.width) {
      found.set("heads", heads)
      found.remark = "the file does not say its heads: \(heads) are usual for this width"
    } else {
      found.lacksHeads = true
    }
  }

  /// The heads of timm's ViTs: 64 channels each, but for the largest models.
  private static func usualHeads(_ width: Int) -> Int? {
    let others = [1152: 16, 1280: 16, 1408: 16, 1664: 16]
    if let heads = others[width] { return heads }
    return width > 0 && width.isMultiple(of: 64) ? width / 64 : nil
  }
}
