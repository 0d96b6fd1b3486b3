import Runtime
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
  init?(_ file: SafetensorsFile, architecture: ModelConfiguration.Architecture) {
    func prefix(_ suffix: String) -> String? {
      file.entries.first { $0.name == suffix || $0.name.hasSuffix("." + suffix) }
        .map { String($0.name.dropLast(suffix.count)) }
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
      style == .transformers || file["\(self.prefix)layers.0.downsample.norm.weight"] != nil
    has = { file[$0] != nil }
  }

  /// The first of the places where a parameter may lie that is there.
  func source(of name: String) -> PretrainedSource? {
    candidates(name).first { $0.names.allSatisfy(has) }
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
    default: return [inBlock(parts, kind)]
    }
  }

  private var encoder: String { style == .transformers ? "encoder." : "" }

  /// A parameter of a block as transformers names it.
  private func inBlock(_ parts: [String], _ kind: String) -> PretrainedSource {
    // blocks.I.LAYER… of a ViT, layers.S.blocks.I.LAYER… of a Swin.
    let block =
      isSwin
      ? "\(prefix)encoder.layers.\(parts[1]).blocks.\(parts[3])"
      : "\(prefix)encoder.layer.\(parts[1])"
    let layer = parts.dropFirst(isSwin ? 4 : 2).dropLast().joined(separator: ".")
    let attention = isSwin ? "attention.self" : "attention.attention"
    switch layer {
    case "norm1": return .tensor("\(block).layernorm_before.\(kind)")
    case "norm2": return .tensor("\(block).layernorm_after.\(kind)")
    case "attn.qkv":
      return .joined(["query", "key", "value"].map { "\(block).\(attention).\($0).\(kind)" })
    case "attn.proj": return .tensor("\(block).attention.output.dense.\(kind)")
    case "mlp.fc1": return .tensor("\(block).intermediate.dense.\(kind)")
    case "mlp.fc2": return .tensor("\(block).output.dense.\(kind)")
    // The table of relative positions is a parameter of attention itself.
    default: return .tensor("\(block).\(attention).\(kind)")
    }
  }
}
