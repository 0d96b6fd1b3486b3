import Files

/// Where the values of a parameter lie in files that others wrote.
package enum PretrainedSource: Equatable {
  /// One tensor.
  case tensor(String)
  /// Several, one below the other: queries, keys and values.
  case joined([String])

  /// The tensors.
  package var names: [String] {
    switch self {
    case .tensor(let name): [name]
    case .joined(let names): names
    }
  }
}

/// How a file names the parameters of a model: timm's way, or that of Hugging Face's transformers.
package struct PretrainedNames {
  enum Style { case timm, transformers }

  let style: Style
  /// The family whose names these are.
  package let architecture: Architecture
  private let prefix: String
  private let tensors: [String]
  private let extents: (String) -> [Int]?

  /// The way of a file; nil where it has no patch projection under any known name.
  package init?(_ file: some TensorList, _ architecture: Architecture) {
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
    self.architecture = architecture
    tensors = file.tensorNames
    extents = file.shape(of:)
  }

  /// transformers' way, for files that are to be written.
  init(writing architecture: Architecture, prefix: String) {
    (style, self.architecture, self.prefix) = (.transformers, architecture, prefix)
    (tensors, extents) = ([], { _ in nil })
  }

  /// The way of a file whose family its tensors tell; nil where they tell none.
  package init?(recognizing file: some TensorList) {
    let found = Architecture.allCases.lazy.compactMap { PretrainedNames(file, $0) }
      .filter(\.isOfFamily)
    guard let last = Array(found).last else { return nil }
    self = last
  }

  /// Our names of the four matrices of every block that the file has a tensor of, in the order of the file.
  package var blockMatrices: [String] {
    var seen: Set<[Int]> = []
    return tensors.flatMap { tensor -> [String] in
      guard let numbers = numbers(of: tensor), seen.insert(numbers).inserted else { return [] }
      return ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"].map {
        "\(family.blocks.name(numbers)).\($0).weight"
      }
    }
  }

  /// Whether the file is one of the family.
  var isOfFamily: Bool { architecture.family.recognizes(self) }

  private var family: FamilyNames { architecture.family.names }
  private var blocks: BlockPattern { style == .timm ? family.blocks : family.hubBlocks }

  /// Whether the file has a tensor of its own name, without the prefix that all share.
  func has(_ name: String) -> Bool { extents(prefix + name) != nil }

  /// The first of the places where a parameter of ours may lie that is there.
  package func source(of name: String) -> PretrainedSource? {
    candidates(name).first { $0.names.allSatisfy { extents($0) != nil } }
  }

  /// The extents of a parameter of ours that lies in one tensor; nil where it is not there.
  func shape(of name: String) -> [Int]? { source(of: name).flatMap { extents($0.names[0]) } }

  /// Where a block's tensors lie: of `…blocks.3.attn.proj.weight` the block is `…blocks.3`; nil for tensors outside blocks.
  package func block(of tensor: String) -> String? {
    numbers(of: tensor).map { prefix + blocks.name($0) }
  }

  private func numbers(of tensor: String) -> [Int]? {
    tensor.hasPrefix(prefix) ? blocks.match(tensor.dropFirst(prefix.count))?.numbers : nil
  }

  /// Whether there is a block of the family.
  var hasBlock: Bool { tensors.contains { numbers(of: $0) != nil } }

  /// The blocks of a model without stages.
  var depth: Int {
    let last = tensors.lazy.compactMap { numbers(of: $0)?.last }.max()
    // A name may hold any number.
    return min(last ?? -1, 1 << 20) + 1
  }

  /// The hidden units of the first block's MLP; nil where it is not there.
  var firstHidden: Int? {
    let block = family.blocks.name([0, 0])
    return shape(of: "\(block).mlp.fc1.weight")?.first
  }

  /// What the position embedding has places for; nil where there is none.
  package var positions: PositionGrid? {
    guard let shape = shape(of: "pos_embed"), shape.count == 3 else { return nil }
    return PositionGrid(tokens: shape[1])
  }

  /// The tensor that the outputs of a layer are multiplied with, where the file has one: LayerScale of attention for
  /// attn.proj, of the MLP for mlp.fc2.
  package func layerScale(of name: String) -> String? {
    guard let (numbers, rest) = family.blocks.match(name) else { return nil }
    for (layer, scale) in [("attn.proj", 1), ("mlp.fc2", 2)] where rest.hasPrefix(layer + ".") {
      return scaleNames(prefix + blocks.name(numbers), scale).first { extents($0) != nil }
    }
    return nil
  }

  /// What files call a LayerScale of a block.
  private func scaleNames(_ block: String, _ number: Int) -> [String] {
    ["ls\(number).gamma", "gamma_\(number)", "layer_scale\(number).lambda1", "lambda_\(number)"]
      .map { "\(block).\($0)" }
  }

  /// The places where a parameter of ours may lie, the usual one first.
  func candidates(_ ours: String) -> [PretrainedSource] {
    let name = family.renamed(ours, self)
    let parts = name.split(separator: ".").map(String.init)
    let kind = parts[parts.count - 1]
    if let (numbers, rest) = family.blocks.match(name) {
      return inBlock(prefix + blocks.name(numbers), rest, kind)
    }
    if parts[0] == "head" {
      return ["head.fc", "head", "classifier", "cls_classifier"].flatMap { layer in
        [PretrainedSource.tensor("\(prefix)\(layer).\(kind)"), .tensor("\(layer).\(kind)")]
      }
    }
    guard style == .transformers else { return [.tensor(prefix + name)] }
    return switch parts[0] {
    case "cls_token": [.tensor("\(prefix)embeddings.cls_token")]
    case "pos_embed": [.tensor("\(prefix)embeddings.position_embeddings")]
    case "patch_embed":
      [
        .tensor(
          "\(prefix)embeddings.\(parts[1] == "proj" ? "patch_embeddings.projection" : "norm").\(kind)"
        )
      ]
    case "norm": [.tensor("\(prefix)layernorm.\(kind)")]
    default: [.tensor("\(prefix)encoder.\(name)")]
    }
  }

  /// A parameter of a block.
  ///
  /// - Parameter rest: our name behind that of the block.
  private func inBlock(_ block: String, _ rest: String, _ kind: String) -> [PretrainedSource] {
    for number in [1, 2] where rest == "ls\(number).gamma" {
      return scaleNames(block, number).map { .tensor($0) }
    }
    guard style == .transformers else { return [.tensor("\(block).\(rest)")] }
    let attention = "\(block).\(family.hubAttention)"
    func tensors(_ layers: String...) -> [PretrainedSource] {
      layers.map { .tensor("\(block).\($0).\(kind)") }
    }
    return switch rest.dropLast(kind.count + 1) {
    // DINOv2 has timm's names for norms and MLP.
    case "norm1": tensors("layernorm_before", "norm1")
    case "norm2": tensors("layernorm_after", "norm2")
    case "attn.qkv": [.joined(["query", "key", "value"].map { "\(attention).\($0).\(kind)" })]
    case "attn.proj": tensors("attention.output.dense")
    case "mlp.fc1": tensors("intermediate.dense", "mlp.fc1")
    case "mlp.fc2": tensors("output.dense", "mlp.fc2")
    // The table of relative positions is a parameter of attention itself.
    default: [.tensor("\(attention).\(kind)")]
    }
  }
}
