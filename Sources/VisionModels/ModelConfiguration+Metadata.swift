import Files

extension ModelConfiguration {
  /// The shape under timm's argument names, as checkpoints carry it.
  package var metadata: [String: String] {
    var metadata = [
      "architecture": architecture.rawValue, "img_size": "\(imageSize)",
      "patch_size": "\(patchSize)", "in_chans": "\(channels)", "embed_dim": "\(width)",
      "mlp_ratio": "\(mlpRatio)", "num_classes": "\(classes)", "norm_eps": "\(normEpsilon)",
    ]
    switch architecture {
    case .vit:
      metadata["depth"] = "\(depth)"
      metadata["num_heads"] = "\(heads)"
    case .swin:
      metadata["depths"] = stageDepths.map(String.init).joined(separator: " ")
      metadata["num_heads"] = stageHeads.map(String.init).joined(separator: " ")
      metadata["window_size"] = "\(windowSize)"
    }
    return metadata
  }

  /// The shape that a checkpoint's metadata describes.
  ///
  /// - Throws: `ModelError.architecture` for another family, `SafetensorsError` for a missing or
  ///   unreadable entry.
  package init(metadataOf file: SafetensorsFile) throws {
    guard let architecture = file.metadata["architecture"].flatMap(Architecture.init) else {
      throw ModelError.architecture(path: file.path, found: file.metadata["architecture"])
    }
    func number(_ key: String, default value: Float) throws -> Float {
      guard let text = file.metadata[key] else { return value }
      guard let number = Float(text), number.isFinite else {
        throw file.error(.metadata(key: key, found: text, expected: "a number"))
      }
      return number
    }
    func integers(_ key: String) throws -> [Int] {
      let words = file.metadata[key]?.split(separator: " ") ?? []
      let values = words.compactMap { Int($0) }
      guard !values.isEmpty, values.count == words.count else {
        throw file.error(
          .metadata(key: key, found: file.metadata[key], expected: "integers, as in '2 2 6 2'"))
      }
      return values
    }
    let isSwin = architecture == .swin
    let depths = isSwin ? try integers("depths") : [try file.integerMetadata("depth")]
    let heads = isSwin ? try integers("num_heads") : [try file.integerMetadata("num_heads")]
    self.init(
      architecture: architecture, imageSize: try file.integerMetadata("img_size"),
      patchSize: try file.integerMetadata("patch_size"),
      channels: file.metadata["in_chans"] == nil ? 3 : try file.integerMetadata("in_chans"),
      width: try file.integerMetadata("embed_dim"),
      depth: isSwin ? depths.reduce(0) { $0 &+ $1 } : depths[0], heads: heads[0],
      stageDepths: isSwin ? depths : [], stageHeads: isSwin ? heads : [],
      windowSize: isSwin ? try file.integerMetadata("window_size") : 7,
      mlpRatio: try number("mlp_ratio", default: 4),
      classes: try file.integerMetadata("num_classes"),
      normEpsilon: try number("norm_eps", default: isSwin ? 1e-5 : 1e-6))
    try validate()
  }
}
