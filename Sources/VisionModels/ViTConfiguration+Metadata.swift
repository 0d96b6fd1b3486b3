import Runtime

extension ViTConfiguration {
  /// The shape under timm's argument names, as checkpoints carry it.
  public var metadata: [String: String] {
    [
      "architecture": "vit", "img_size": "\(imageSize)", "patch_size": "\(patchSize)",
      "in_chans": "\(channels)", "embed_dim": "\(width)", "depth": "\(depth)",
      "num_heads": "\(heads)", "mlp_ratio": "\(mlpRatio)", "num_classes": "\(classes)",
      "norm_eps": "\(normEpsilon)",
    ]
  }

  /// The shape that a checkpoint's metadata describes.
  ///
  /// - Throws: `ModelError.architecture` for another family, `SafetensorsError` for a missing or
  ///   unreadable entry.
  public init(metadataOf file: SafetensorsFile) throws {
    guard file.metadata["architecture"] == "vit" else {
      throw ModelError.architecture(path: file.path, found: file.metadata["architecture"])
    }
    func number(_ key: String, default value: Float) throws -> Float {
      guard let text = file.metadata[key] else { return value }
      guard let number = Float(text), number.isFinite else {
        throw file.error(.metadata(key: key, found: text, expected: "a number"))
      }
      return number
    }
    self.init(
      imageSize: try file.integerMetadata("img_size"),
      patchSize: try file.integerMetadata("patch_size"),
      channels: file.metadata["in_chans"] == nil ? 3 : try file.integerMetadata("in_chans"),
      width: try file.integerMetadata("embed_dim"), depth: try file.integerMetadata("depth"),
      heads: try file.integerMetadata("num_heads"), mlpRatio: try number("mlp_ratio", default: 4),
      classes: try file.integerMetadata("num_classes"),
      normEpsilon: try number("norm_eps", default: 1e-6))
    try validate()
  }
}
