import Files

/// Swins in files that others wrote.
extension Swin {
  package static let names = FamilyNames(
    blocks: "layers.*.blocks.*", hubBlocks: "encoder.layers.*.blocks.*",
    hubAttention: "attention.self"
  ) { name, file in
    // timm merges patches at the beginning of a stage. Swin's own files and transformers do at the end of the one before.
    let parts = name.split(separator: ".", maxSplits: 2)
    guard parts.count == 3, parts[2].hasPrefix("downsample."), let stage = Int(parts[1]),
      file.style == .transformers || file.has("layers.0.downsample.norm.weight")
    else { return name }
    return "layers.\(stage - 1).\(parts[2])"
  }

  package static let hubModel: (type: String, class: String)? = (
    "swin", "SwinForImageClassification"
  )

  package static func hubSizes(_ shape: ModelConfiguration) -> JSONLine {
    var line = JSONLine()
    line.add("embed_dim", shape.width)
    line.add("hidden_size", shape.width << (shape.stageDepths.count - 1))
    line.add("depths", shape.stageDepths)
    line.add("num_heads", shape.stageHeads)
    line.add("window_size", shape.windowSize)
    line.add("mlp_ratio", shape.mlpRatio)
    line.add("use_absolute_embeddings", false)
    return line
  }

  package static func recognizes(_ file: PretrainedNames) -> Bool { file.hasBlock }

  package static func readSizes(
    _ file: PretrainedNames, _ hub: HubSizes?, into found: inout FoundSizes
  ) {
    found.set("norm_epsilon", hub?.normEpsilon ?? normEpsilon)
    var (depths, heads, window): ([Int], [Int], Int) = ([], [], 7)
    for stage in 0..<8 {
      var depth = 0
      while depth < 1024,
        file.shape(of: "layers.\(stage).blocks.\(depth).attn.proj.weight") != nil
      { depth += 1 }
      guard depth > 0 else { break }
      depths.append(depth)
      let table = file.shape(of: "layers.\(stage).blocks.0.attn.relative_position_bias_table")
      if let table, table.count == 2, let side = squareSide(table[0]), side % 2 == 1 {
        heads.append(table[1])
        // A stage whose grid is smaller than the window has a smaller table.
        if stage == 0 { window = (side + 1) / 2 }
      }
    }
    found.set("stage_depths", depths)
    if heads.count == depths.count { found.set("stage_heads", heads) }
    found.set("window_size", window)
    if let size = hub?.imageSize {
      found.set("image_size", size)
    } else {
      let size = found.patchSize * window * 8
      found.set("image_size", size)
      found.remark = "the file does not say its image size: \(size) is usual for this window"
    }
  }
}
