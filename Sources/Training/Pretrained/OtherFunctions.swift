import VisionModels

/// Finds the tensors of a file that say that its model computes something else than ours.
struct OtherFunctions {
  let file: WeightFile
  let names: PretrainedNames
  let shape: ModelConfiguration

  /// Whether a tensor holds no weights, only what follows from the shape, averages of weights, or how another training quantized them.
  static func isDerived(_ name: String) -> Bool {
    [".ema", ".outlier_channels", "relative_position_index", "attn_mask"].contains(
      where: name.hasSuffix)
  }

  /// Refuses tensors that were not used and would change what the model computes. Blocks behind the model's last one, heads
  /// and tokens that training alone needs may be left out.
  ///
  /// - Throws: `PretrainedError.otherFunction`.
  func check(used: Set<String>, unused: [String]) throws {
    let blocks = Set(used.compactMap(names.block(of:)))
    let strangers = unused.filter { names.block(of: $0).map(blocks.contains) ?? false }
    // The one that says most of the model.
    for tensor in strangers {
      if let why = Self.inBlock(tensor) { throw error(tensor, why: why) }
    }
    if let tensor = strangers.first { throw error(tensor, why: "has this in its blocks") }
    for tensor in unused where names.block(of: tensor) == nil {
      if let why = outside(tensor) { throw error(tensor, why: why) }
    }
    if shape.hasClassToken, names.source(of: "cls_token") == nil {
      throw error("cls_token", why: "has no class token and averages its tokens")
    }
    if shape.hasClassToken, !shape.placesClassToken, let extra = names.positions?.extra, extra > 0 {
      throw error("pos_embed", why: "adds a position to its class token")
    }
  }

  private func error(_ tensor: String, why: String) -> PretrainedError {
    .otherFunction(path: file.path, tensor: tensor, why: why)
  }

  /// What a model does that has a tensor of this name in its blocks; nil where that is not known.
  private static func inBlock(_ name: String) -> String? {
    let known: [(part: String, why: String)] = [
      ("q_norm", "normalizes queries and keys"), ("k_norm", "normalizes queries and keys"),
      ("query_norm", "normalizes queries and keys"), ("key_norm", "normalizes queries and keys"),
      ("logit_scale", "attends by cosines, as Swin V2"),
      ("cpb_mlp", "attends by cosines, as Swin V2"),
      ("continuous_position", "attends by cosines, as Swin V2"),
      ("relative_position_bias", "adds relative positions in its attention"),
      ("rope", "rotates queries and keys by their positions"),
      ("mlp.w", "has a gated MLP"), ("mlp.weights", "has a gated MLP"),
      ("fc1_g", "has a gated MLP"),
      ("gate", "has gates in its blocks"), ("mlp.norm", "normalizes inside its MLP"),
      ("attn.norm", "normalizes inside its attention"),
    ]
    return known.first { name.contains($0.part) }?.why
  }

  /// What a model does that has a tensor of this name outside its blocks; nil where it changes nothing here.
  private func outside(_ name: String) -> String? {
    let known: [(part: String, why: String)] = [
      ("norm_pre", "normalizes its tokens before the first block, as CLIP"),
      ("ln_pre", "normalizes its tokens before the first block, as CLIP"),
      ("pre_layrnorm", "normalizes its tokens before the first block, as CLIP"),
      ("fc_norm", "averages its tokens and normalizes the average, as MAE"),
      ("attn_pool", "gathers its tokens by attention"),
      ("reg_token", "has register tokens"), ("register_tokens", "has register tokens"),
      ("storage_tokens", "has register tokens"),
      ("absolute_pos_embed", "adds absolute positions to a Swin"),
      ("rope", "rotates queries and keys by their positions"),
      ("patch_embed.backbone", "makes its patches by a convolutional network"),
      ("rel_pos_bias", "shares relative positions among its blocks"),
      ("relative_position_bias", "shares relative positions among its blocks"),
    ]
    if !shape.normalizesPatches, name.contains("patch_embed.norm") {
      return "normalizes its patches"
    }
    return known.first { name.contains($0.part) }?.why
  }
}
