import Files

/// What a file of pretrained weights tells of the sizes of its model.
package struct FoundSizes {
  /// The recipe's keys behind `model.`, and their words.
  package private(set) var values: [(key: String, words: [String])] = []
  /// What was concluded only.
  package var remark: String?
  /// Whether the number of attention heads is not known.
  package var lacksHeads = false
  /// C, and the pixels a side of a patch.
  package private(set) var width = 0, patchSize = 0
  private let named: Set<String>

  /// - Parameter named: the keys that the user has set.
  package init(named: Set<String>) { self.named = named }

  /// Whether the user has set a key.
  func isNamed(_ key: String) -> Bool { named.contains(key) }

  mutating func set(_ key: String, _ value: Int) { add(key, ["\(value)"]) }
  mutating func set(_ key: String, _ value: Float) { add(key, ["\(value)"]) }
  mutating func set(_ key: String, _ values: [Int]) { add(key, values.map(String.init)) }

  private mutating func add(_ key: String, _ words: [String]) {
    if !isNamed(key) { values.append((key, words)) }
  }

  /// The sizes of a model that is described.
  package init(of shape: ModelConfiguration, named: Set<String>) {
    self.init(named: named)
    add("architecture", [shape.architecture.rawValue])
    // Whoever goes on from a model has classes of their own.
    for size in ModelSize.all(of: shape.architecture.family) where size.key != "classes" {
      add(size.key, size.words(in: shape))
    }
  }

  /// The sizes that names and extents of tensors tell; nil where the file names none of our models' tensors.
  ///
  /// - Throws: what `hub` throws, which is asked only for files that have such tensors.
  package init?(
    read file: some TensorSource, named: Set<String>, hub: () throws -> HubSizes?
  ) rethrows {
    self.init(named: named)
    guard let names = PretrainedNames(recognizing: file) ?? PretrainedNames(file, .vit),
      let projection = names.shape(of: "patch_embed.proj.weight"), projection.count == 4,
      // A tensor without elements may claim any extents.
      projection.allSatisfy({ (1...1 << 16).contains($0) })
    else { return nil }
    (width, patchSize) = (projection[0], projection[2])
    let hub = try hub()
    add("architecture", [names.architecture.rawValue])
    set("patch_size", patchSize)
    set("width", width)
    if let hidden = names.firstHidden { set("mlp_ratio", Float(hidden) / Float(width)) }
    names.architecture.family.readSizes(names, hub, into: &self)
  }
}

/// What the configuration beside a file of Hugging Face's transformers says.
package struct HubSizes {
  let heads, imageSize: Int?
  let normEpsilon: Float?

  /// What it says; nil for what it does not.
  package init(heads: Int?, imageSize: Int?, normEpsilon: Float?) {
    (self.heads, self.imageSize, self.normEpsilon) = (heads, imageSize, normEpsilon)
  }
}
