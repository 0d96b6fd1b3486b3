import VisionModels

/// Where the values of a parameter lie in files that others wrote.
enum PretrainedSource: Equatable {
  /// One tensor.
  case tensor(String)
  /// Several, one below the other: queries, keys and values.
  case joined([String])

  var names: [String] {
    switch self {
    case .tensor(let name): [name]
    case .joined(let names): names
    }
  }
}

/// How a file names the parameters of a model: timm's way, or that of Hugging Face's transformers.
struct PretrainedNames {
  private enum Style { case timm, transformers }

  private let style: Style
  private let prefix: String
  private let isSwin: Bool
  /// Whether patch merging stands at the end of the stage before, as in Swin's own files.
  private let mergesBefore: Bool
  private let has: (String) -> Bool

  /// The way of a file; nil where it has no patch projection under any known name.
  init?(_ file: WeightFile, architecture: ModelConfiguration.Architecture) {
    func prefix(_ suffix: String) -> String? {
      file.tensorNames.first { $0 == suffix || $0.hasSuffix("." + suffix) }
        .map { String($0.dropLast(suffix.count)) }
    }
    if let found = prefix("patch_embed.proj.weight") {
      (style, self.prefix) = (.timm, found)
    } else if let found = prefix("embeddings.patch_embeddings.projection.weight") {
      (style, self.prefix) = (.transformers, found)
    } else {
      return nil
    }
    isSwin = architecture == .swin
    mergesBefore =
      style == .transformers
      || file.shape(of: "\(self.prefix)layers.0.downsample.norm.weight") != nil
    has = { file.shape(of: $0) != nil }
  }

  /// The first of the places where a parameter may lie that is there.
  func source(of name: String) -> PretrainedSource? {
    candidates(name).first { $0.names.allSatisfy(has) }
  }

  /// Where a block's tensors lie: of `…blocks.3.attn.proj.weight` the block is `…blocks.3` and the rest `attn.proj.weight`;
  /// nil for tensors outside blocks.
  func block(of tensor: String) -> (block: String, rest: String)? {
    guard tensor.hasPrefix(prefix) else { return nil }
    let parts = tensor.dropFirst(prefix.count).split(separator: ".").map(String.init)
    let lead =
      (style == .transformers ? ["encoder"] : [])
      + (isSwin ? ["layers", nil, "blocks"] : [blocksName])
    guard parts.count > lead.count + 1,
      zip(parts, lead).allSatisfy({ $1 == nil ? Int($0) != nil : $0 == $1 }),
      Int(parts[lead.count]) != nil
    else { return nil }
    return (
      prefix + parts[...lead.count].joined(separator: "."),
      parts[(lead.count + 1)...].joined(separator: ".")
    )
  }

  /// The blocks of a ViT among names of tensors.
  func depth(in tensors: [String]) -> Int {
    let numbers = tensors.compactMap { tensor in
      block(of: tensor)?.block.split(separator: ".").last.flatMap { Int($0) }
    }
    // A name may hold any number.
    return min(numbers.max() ?? -1, 1 << 20) + 1
  }

  /// ε of the layer norms as the models with these names usually have it: transformers' ViT differs.
  var normEpsilon: Float {
    if isSwin { return 1e-5 }
    let isHubViT = has("\(prefix)encoder.layer.0.layernorm_before.weight")
    return isHubViT ? 1e-12 : 1e-6
  }

  private var blocksName: String { style == .transformers ? "layer" : "blocks" }

  /// The tensor that the outputs of a layer are multiplied with, where the file has one: LayerScale of attention for
  /// attn.proj, of the MLP for mlp.fc2.
  func layerScale(of name: String) -> String? {
    let layer = name.split(separator: ".").dropLast().suffix(2).joined(separator: ".")
    let endings: [String]
    switch layer {
    case "attn.proj": endings = ["ls1.gamma", "gamma_1", "layer_scale1.lambda1", "lambda_1"]
    case "mlp.fc2": endings = ["ls2.gamma", "gamma_2", "layer_scale2.lambda1", "lambda_2"]
    default: return nil
    }
    guard let place = source(of: name).flatMap({ block(of: $0.names[0]) }) else { return nil }
    return endings.map { "\(place.block).\($0)" }.first(where: has)
  }

  private func candidates(_ name: String) -> [PretrainedSource] {
    let parts = name.split(separator: ".").map(String.init)
    let kind = parts[parts.count - 1]
    if parts[0] == "head" {
      return ["head.fc", "head", "classifier", "cls_classifier"].flatMap { layer in
        [PretrainedSource.tensor("\(prefix)\(layer).\(kind)"), .tensor("\(layer).\(kind)")]
      }
    }
    if isSwin, parts[0] == "layers", parts[2] == "downsample", mergesBefore,
      let stage = Int(parts[1])
    {
      let rest = parts.dropFirst(2).joined(separator: ".")
      return [.tensor("\(prefix)\(encoder)layers.\(stage - 1).\(rest)")]
    }
    guard style == .transformers else { return [.tensor(prefix + name)] }
    switch parts[0] {
    case "cls_token": return [.tensor("\(prefix)embeddings.cls_token")]
    case "pos_embed": return [.tensor("\(prefix)embeddings.position_embeddings")]
    case "patch_embed":
      let layer = parts[1] == "proj" ? "patch_embeddings.projection" : "norm"
      return [.tensor("\(prefix)embeddings.\(layer).\(kind)")]
    case "norm": return [.tensor("\(prefix)layernorm.\(kind)")]
    default: return inBlock(parts, kind)
    }
  }

  private var encoder: String { style == .transformers ? "encoder." : "" }

  /// A parameter of a block as transformers names it.
  private func inBlock(_ parts: [String], _ kind: String) -> [PretrainedSource] {
    // blocks.I.LAYER… of a ViT, layers.S.blocks.I.LAYER… of a Swin.
    let block =
      isSwin
      ? "\(prefix)encoder.layers.\(parts[1]).blocks.\(parts[3])"
      : "\(prefix)encoder.layer.\(parts[1])"
    let layer = parts.dropFirst(isSwin ? 4 : 2).dropLast().joined(separator: ".")
    let attention = isSwin ? "attention.self" : "attention.attention"
    switch layer {
    // DINOv2 has timm's names for norms and MLP.
    case "norm1": return ["layernorm_before", "norm1"].map { .tensor("\(block).\($0).\(kind)") }
    case "norm2": return ["layernorm_after", "norm2"].map { .tensor("\(block).\($0).\(kind)") }
    case "attn.qkv":
      return [.joined(["query", "key", "value"].map { "\(block).\(attention).\($0).\(kind)" })]
    case "attn.proj": return [.tensor("\(block).attention.output.dense.\(kind)")]
    case "mlp.fc1":
      return ["intermediate.dense", "mlp.fc1"].map { .tensor("\(block).\($0).\(kind)") }
    case "mlp.fc2": return ["output.dense", "mlp.fc2"].map { .tensor("\(block).\($0).\(kind)") }
    // The table of relative positions is a parameter of attention itself.
    default: return [.tensor("\(block).\(attention).\(kind)")]
    }
  }
}
