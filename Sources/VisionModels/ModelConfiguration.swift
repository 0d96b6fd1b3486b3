import Runtime

/// The shape of a model: a DeiT/ViT, or a Swin transformer.
public struct ModelConfiguration: Equatable, Sendable {
  /// The families of models.
  public enum Architecture: String, CaseIterable, Sendable {
    /// Blocks of one width, a class token, global attention (Dosovitskiy et al. 2021; Touvron et al. 2021).
    case vit
    /// Stages of growing width, attention in shifted windows (Liu et al. 2021).
    case swin
  }

  /// The family.
  public var architecture: Architecture
  /// Pixels a side of the square input image.
  public var imageSize: Int
  /// Pixels a side of a patch.
  public var patchSize: Int
  /// Colour channels of the input: 3, or 1.
  public var channels: Int
  /// C, the width of a token; of Swin's first stage, from where it doubles at every stage.
  public var width: Int
  /// The number of blocks; of Swin, `stageDepths` has them.
  public var depth: Int
  /// H, the number of attention heads; of Swin, `stageHeads` has them.
  public var heads: Int
  /// Swin: the blocks and the heads of each stage.
  public var stageDepths, stageHeads: [Int]
  /// Swin: tokens a side of an attention window.
  public var windowSize: Int
  /// Hidden units of the MLP, in widths.
  public var mlpRatio: Float
  /// The number of classes.
  public var classes: Int
  /// ε of the layer norms.
  public var normEpsilon: Float
  /// The drop probability of the last block's branches; it rises linearly from 0 at the first.
  public var dropPath: Float
  /// The standard deviation of a ViT's class token at the start: timm's 10⁻⁶. (DeiT's own code, which the authors
  /// train, has 0.02.)
  public var classTokenDeviation: Float = 1e-6

  /// A configuration; unnamed values are DeiT's.
  public init(
    architecture: Architecture = .vit, imageSize: Int = 224, patchSize: Int = 16, channels: Int = 3,
    width: Int, depth: Int = 12,
    heads: Int = 1, stageDepths: [Int] = [], stageHeads: [Int] = [], windowSize: Int = 7,
    mlpRatio: Float = 4, classes: Int = 1000, normEpsilon: Float = 1e-6, dropPath: Float = 0
  ) {
    self.architecture = architecture
    (self.stageDepths, self.stageHeads, self.windowSize) = (stageDepths, stageHeads, windowSize)
    self.imageSize = imageSize
    self.patchSize = patchSize
    self.channels = channels
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpRatio = mlpRatio
    self.classes = classes
    self.normEpsilon = normEpsilon
    self.dropPath = dropPath
  }

  /// A Swin transformer; unnamed values are Swin-T's.
  public static func swin(
    imageSize: Int = 224, patchSize: Int = 4, width: Int = 96, depths: [Int] = [2, 2, 6, 2],
    heads: [Int] = [3, 6, 12, 24], windowSize: Int = 7, classes: Int = 1000
  ) -> ModelConfiguration {
    ModelConfiguration(
      architecture: .swin, imageSize: imageSize, patchSize: patchSize, width: width,
      depth: depths.reduce(0, +), heads: heads.first ?? 1, stageDepths: depths, stageHeads: heads,
      windowSize: windowSize, classes: classes, normEpsilon: 1e-5)
  }

  /// The paper's models under timm's names.
  public static let presets: [(name: String, configuration: ModelConfiguration)] = [
    ("deit_tiny_patch16_224", ModelConfiguration(width: 192, heads: 3)),
    ("deit_small_patch16_224", ModelConfiguration(width: 384, heads: 6)),
    ("deit_base_patch16_224", ModelConfiguration(width: 768, heads: 12)),
    ("swin_tiny_patch4_window7_224", .swin()),
    ("swin_small_patch4_window7_224", .swin(depths: [2, 2, 18, 2])),
  ]

  /// The preset of a name.
  ///
  /// - Throws: `ModelError.unknownPreset`.
  public static func preset(_ name: String) throws -> ModelConfiguration {
    guard let preset = presets.first(where: { $0.name == name }) else {
      throw ModelError.unknownPreset(name, known: presets.map(\.name))
    }
    return preset.configuration
  }

  /// The number of blocks, through all stages.
  public var blocks: Int { architecture == .swin ? stageDepths.reduce(0, +) : depth }
  /// Patches of an image.
  public var patches: Int { (imageSize / patchSize) * (imageSize / patchSize) }
  /// T of a ViT, the patches and the class token.
  public var tokens: Int { patches + 1 }
  /// Numbers in a patch.
  public var patchLength: Int { channels * patchSize * patchSize }
  /// Hidden units of the MLP.
  public var hidden: Int { Int(Float(width) * mlpRatio) }

  /// Refuses what no model can have.
  ///
  /// - Throws: `ModelError`, naming the recipe key.
  public func validate() throws {
    // Bounds that any real model keeps, so that no product of sizes overflows.
    let hidden = Int(min(max(Float(width) * mlpRatio, 0), 1e9))
    let sizes = [
      ("model.image_size", imageSize, 1 << 14), ("model.patch_size", patchSize, 1 << 14),
      ("model.width", width, 1 << 16), ("model.depth", depth, 1 << 10),
      ("model.heads", heads, 1 << 10), ("model.classes", classes, 1 << 20),
      ("model.mlp_ratio times model.width", hidden, 1 << 20),
    ]
    for (key, value, limit) in sizes {
      guard value >= 1 else { throw ModelError.tooSmall(key: key, value: value) }
      guard value <= limit else { throw ModelError.tooLarge(key: key, value: value, limit: limit) }
    }
    guard channels == 1 || channels == 3 else { throw ModelError.channels(channels) }
    guard imageSize.isMultiple(of: patchSize) else {
      throw ModelError.patch(patchSize, imageSize: imageSize)
    }
    switch architecture {
    case .vit:
      guard width.isMultiple(of: heads) else { throw ModelError.heads(heads, width: width) }
    case .swin: try validateStages()
    }
    guard (0..<1).contains(dropPath) else { throw ModelError.dropPath(dropPath) }
    guard normEpsilon > 0, normEpsilon.isFinite else { throw ModelError.normEpsilon(normEpsilon) }
  }
}

extension ModelConfiguration {
  /// One kind of quantized linear layer, of which a stage has one in each block.
  public struct LayerShape: Equatable, Sendable {
    /// "qkv", "proj", "fc1" or "fc2"; behind "stage 1" and so on in a Swin.
    public let name: String
    /// N of one image, D and C; and how many blocks have it.
    public let rows, inputs, outputs, count: Int
  }

  /// The quantized linear layers of the model, stage by stage.
  public var layerShapes: [LayerShape] {
    func block(
      _ prefix: String, width: Int, attentionRows: Int, rows: Int, count: Int
    ) -> [LayerShape] {
      let hidden = Int(Float(width) * mlpRatio)
      return [
        ("qkv", attentionRows, width, 3 * width), ("proj", attentionRows, width, width),
        ("fc1", rows, width, hidden), ("fc2", rows, hidden, width),
      ].map { name, rows, inputs, outputs in
        LayerShape(
          name: prefix + name, rows: rows, inputs: inputs, outputs: outputs, count: count)
      }
    }
    guard architecture == .swin else {
      return block("", width: width, attentionRows: tokens, rows: tokens, count: depth)
    }
    var side = imageSize / patchSize
    return stageDepths.enumerated().flatMap { stage, count in
      if stage > 0 { side = (side + 1) / 2 }
      let layout = WindowLayout(side: side, window: windowSize, isShifted: false)
      return block(
        "stage \(stage + 1) ", width: width << stage, attentionRows: layout.windows * layout.area,
        rows: side * side, count: count)
    }
  }

  /// Multiply-adds of one image's forward pass: projections, attention, merging and head.
  public var multiplyAdds: Int {
    let layers = layerShapes.reduce(0) { $0 + $1.rows * $1.inputs * $1.outputs * $1.count }
    let embedding = patches * patchLength * width
    guard architecture == .swin else {
      return layers + embedding + 2 * tokens * tokens * width * depth + width * classes
    }
    var total = layers + embedding
    var side = imageSize / patchSize
    for (stage, count) in stageDepths.enumerated() {
      let stageWidth = width << stage
      if stage > 0 {
        side = (side + 1) / 2
        total += side * side * 2 * stageWidth * stageWidth
      }
      let layout = WindowLayout(side: side, window: windowSize, isShifted: false)
      total += 2 * layout.windows * layout.area * layout.area * stageWidth * count
    }
    return total + (width << (stageDepths.count - 1)) * classes
  }

  /// How many layers lie behind a parameter, for rates that fall towards the input: 0 for the last norm and the head, 1
  /// for the last block, depth + 1 for the embedding.
  public func layersBehind(_ name: String) -> Int {
    let parts = name.split(separator: ".")
    let total = architecture == .swin ? stageDepths.reduce(0, +) : depth
    switch parts[0] {
    case "norm", "head": return 0
    case "blocks": return total - (Int(parts[1]) ?? 0)
    case "layers":
      let before = stageDepths.prefix(Int(parts[1]) ?? 0).reduce(0, +)
      // Patch merging goes with the first block of its stage.
      return total - before - (parts[2] == "blocks" ? Int(parts[3]) ?? 0 : 0)
    default: return total + 1
    }
  }

  private func validateStages() throws {
    guard !stageDepths.isEmpty, stageDepths.count == stageHeads.count, stageDepths.count <= 8 else {
      throw ModelError.stages(depths: stageDepths, heads: stageHeads)
    }
    guard windowSize >= 1 else {
      throw ModelError.tooSmall(key: "model.window_size", value: windowSize)
    }
    guard windowSize <= 64 else {
      throw ModelError.tooLarge(key: "model.window_size", value: windowSize, limit: 64)
    }
    let blocks = stageDepths.reduce(0) { $0 &+ min($1, 1 << 20) }
    guard blocks <= 1 << 10 else {
      throw ModelError.tooLarge(
        key: "the sum of model.stage_depths", value: blocks, limit: 1 << 10)
    }
    for (index, (depth, heads)) in zip(stageDepths, stageHeads).enumerated() {
      guard (1...1024).contains(depth), (1...1024).contains(heads) else {
        throw ModelError.stages(depths: stageDepths, heads: stageHeads)
      }
      let width = width << index
      guard width <= 1 << 20 else {
        throw ModelError.tooLarge(
          key: "model.width of the last stage", value: width, limit: 1 << 20)
      }
      guard width.isMultiple(of: heads) else { throw ModelError.heads(heads, width: width) }
    }
  }
}

/// What is wrong with a model's configuration.
public enum ModelError: ReportableError, Equatable {
  /// A preset that does not exist.
  case unknownPreset(String, known: [String])
  /// A size below 1.
  case tooSmall(key: String, value: Int)
  /// A size beyond all reason.
  case tooLarge(key: String, value: Int, limit: Int)
  /// Not grey and not RGB.
  case channels(Int)
  /// The patch does not divide the image.
  case patch(Int, imageSize: Int)
  /// The heads do not divide the width.
  case heads(Int, width: Int)
  /// Not as many heads as depths, or none at all.
  case stages(depths: [Int], heads: [Int])
  /// Not a probability.
  case dropPath(Float)
  /// Not a positive number.
  case normEpsilon(Float)
  /// More parameters than there is memory to train; MiB.
  case memory(parameters: Int, needed: Double, limit: MemoryLimit)
  /// A checkpoint of a model that this package does not have.
  case architecture(path: String, found: String?)

  /// A checkpoint is data, the rest is usage.
  public var category: ErrorCategory {
    if case .architecture = self { .badData } else { .usage }
  }

  /// One line.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .unknownPreset(let name, let known):
      "model '\(name)' is unknown; choose from \(known.joined(separator: ", "))"
    case .tooSmall(let key, let value): "\(key) is \(value); it must be at least 1"
    case .tooLarge(let key, let value, let limit): "\(key) is \(value); it must be at most \(limit)"
    case .channels(let found): "model.channels is \(found); it must be 1 (grey) or 3 (RGB)"
    case .patch(let patch, let imageSize):
      "model.patch_size \(patch) does not divide model.image_size \(imageSize); try "
        + Self.divisors(of: imageSize, near: patch)
    case .heads(let heads, let width):
      "model.heads \(heads) does not divide model.width \(width); try "
        + Self.divisors(of: width, near: heads)
    case .stages(let depths, let heads):
      "model.stage_depths is \(depths) and model.stage_heads is \(heads); give as many heads as depths, "
        + "one to eight, each from 1 to 1024, as in [2, 2, 6, 2] and [3, 6, 12, 24]"
    case .dropPath(let found): "model.drop_path is \(found); it must be at least 0 and below 1"
    case .normEpsilon(let found): "model.norm_epsilon is \(found); it must be positive"
    case .memory(let parameters, let needed, let limit):
      "a model of \(parameters) parameters takes \(Int(needed)) MiB for weights, gradients and "
        + "moments alone, and \(limit.source) is \(Int(limit.mebibytes)) MiB; lower model.width or "
        + "model.depth"
    case .architecture(let path, let found):
      "\(path): the checkpoint's architecture is \(found.map { "'\($0)'" } ?? "not named"); "
        + "known are 'vit' and 'swin'"
    }
  }

  /// The divisors on both sides of a number, for advice.
  private static func divisors(of number: Int, near value: Int) -> String {
    let divisors = (1...number).filter(number.isMultiple(of:))
    let near = [divisors.last { $0 < value }, divisors.first { $0 > value }].compactMap { $0 }
    return near.map(String.init).joined(separator: " or ")
  }
}
