import Files
import MXCompute

extension ModelConfiguration {
  /// What timm has no argument for.
  private static let attentionKey = "attention"

  /// The shape under timm's argument names, as checkpoints carry it; and what the products of attention are of.
  package var metadata: [String: String] {
    var metadata = [
      "architecture": architecture.rawValue, Self.attentionKey: attention.rawValue,
    ]
    for size in ModelSize.all(of: architecture.family) {
      metadata[size.argument] = size.words(in: self).joined(separator: " ")
    }
    return metadata
  }

  /// The shape that a checkpoint's metadata describes.
  ///
  /// - Throws: `ModelError.architecture` for another family, `SafetensorsError` for a missing or
  ///   unreadable entry.
  package init(metadataOf file: some TensorFile) throws {
    guard let architecture = file.metadata["architecture"].flatMap(Architecture.init) else {
      throw ModelError.architecture(path: file.path, found: file.metadata["architecture"])
    }
    self.init(architecture: architecture, width: 1)
    for size in ModelSize.all(of: architecture.family) {
      if size.isOptional, file.metadata[size.argument] == nil { continue }
      switch size.place {
      case .integer(let path): self[keyPath: path] = try file.integerMetadata(size.argument)
      case .integers(let path): self[keyPath: path] = try file.integersMetadata(size.argument)
      case .number(let path): self[keyPath: path] = try file.numberMetadata(size.argument)
      }
    }
    // Files that do not say are older, or others'.
    if let word = file.metadata[Self.attentionKey] {
      guard let precision = OperandPrecision(rawValue: word) else {
        let known = OperandPrecision.allCases.map(\.rawValue).joined(separator: ", ")
        throw file.error(
          .metadata(key: Self.attentionKey, found: word, expected: "one of \(known)"))
      }
      attention = precision
    }
    try validate()
  }
}

extension TensorFile {
  fileprivate func numberMetadata(_ key: String) throws -> Float {
    guard let number = metadata[key].flatMap(Float.init), number.isFinite else {
      throw error(.metadata(key: key, found: metadata[key], expected: "a number"))
    }
    return number
  }

  fileprivate func integersMetadata(_ key: String) throws -> [Int] {
    let words = metadata[key]?.split(separator: " ") ?? []
    let values = words.compactMap { Int($0) }
    guard !values.isEmpty, values.count == words.count else {
      throw error(
        .metadata(key: key, found: metadata[key], expected: "integers, as in '2 2 6 2'"))
    }
    return values
  }
}
