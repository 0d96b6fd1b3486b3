import MXCompute

/// The shape of a model: a DeiT/ViT, or a Swin transformer.
package struct ModelConfiguration: Equatable, Sendable {
  /// The families of models.
  package enum Architecture: String, CaseIterable, Sendable {
    /// Blocks of one width, a class token, global attention (Dosovitskiy et al. 2021; Touvron et al. 2021).
    case vit
    /// Stages of growing width, attention in shifted windows (Liu et al. 2021).
    case swin
  }

  /// The family.
  package var architecture: Architecture
  /// Pixels a side of the square input image.
  package var imageSize: Int
  /// Pixels a side of a patch.
  package var patchSize: Int
  /// Colour channels of the input: 3, or 1.
  package var channels: Int
  /// C, the width of a token; of Swin's first stage, from where it doubles at every stage.
  package var width: Int
  /// The number of blocks; of Swin, `stageDepths` has them.
  package var depth: Int
  /// H, the number of attention heads; of Swin, `stageHeads` has them.
  package var heads: Int
  /// Swin: the blocks and the heads of each stage.
  package var stageDepths, stageHeads: [Int]
  /// Swin: tokens a side of an attention window.
  package var windowSize: Int
  /// Hidden units of the MLP, in widths.
  package var mlpRatio: Float
  /// The number of classes.
  package var classes: Int
  /// ε of the layer norms.
  package var normEpsilon: Float
  /// The drop probability of the last block's branches; it rises linearly from 0 at the first.
  package var dropPath: Float
  /// The standard deviation of a ViT's class token at the start: timm's 10⁻⁶. (DeiT's own code, which the authors
  /// train, has 0.02.)
  package var classTokenDeviation: Float = 1e-6

  /// A configuration; unnamed values are DeiT's.
  package init(
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
  package static func swin(
    imageSize: Int = 224, patchSize: Int = 4, width: Int = 96, depths: [Int] = [2, 2, 6, 2],
    heads: [Int] = [3, 6, 12, 24], windowSize: Int = 7, classes: Int = 1000
  ) -> ModelConfiguration {
    ModelConfiguration(
      architecture: .swin, imageSize: imageSize, patchSize: patchSize, width: width,
      depth: depths.reduce(0, +), heads: heads.first ?? 1, stageDepths: depths, stageHeads: heads,
      windowSize: windowSize, classes: classes, normEpsilon: 1e-5)
  }

  /// The paper's models under timm's names.
  package static let presets: [(name: String, configuration: ModelConfiguration)] = [
    ("deit_tiny_patch16_224", ModelConfiguration(width: 192, heads: 3)),
    ("deit_small_patch16_224", ModelConfiguration(width: 384, heads: 6)),
    ("deit_base_patch16_224", ModelConfiguration(width: 768, heads: 12)),
    ("swin_tiny_patch4_window7_224", .swin()),
    ("swin_small_patch4_window7_224", .swin(depths: [2, 2, 18, 2])),
  ]

  /// The preset of a name.
  ///
  /// - Throws: `ModelError.unknownPreset`.
  package static func preset(_ name: String) throws -> ModelConfiguration {
    guard let preset = presets.first(where: { $0.name == name }) else {
      throw ModelError.unknownPreset(name, known: presets.map(\.name))
    }
    return preset.configuration
  }

  /// The number of blocks, through all stages.
  package var blocks: Int { architecture == .swin ? stageDepths.reduce(0, +) : depth }
  /// Patches of an image.
  package var patches: Int { (imageSize / patchSize) * (imageSize / patchSize) }
  /// How images are cut.
  var patchGrid: PatchGrid {
    PatchGrid(channels: channels, imageSize: imageSize, patch: patchSize)
  }
  /// T of a ViT, the patches and the class token.
  package var tokens: Int { patches + 1 }
  /// Numbers in a patch.
  package var patchLength: Int { channels * patchSize * patchSize }
  /// Hidden units of the MLP.
  package var hidden: Int { Int(Float(width) * mlpRatio) }

  /// Refuses what no model can have.
  ///
  /// - Throws: `ModelError`, naming what is wrong.
  package func validate() throws {
    // Bounds that any real model keeps, so that no product of sizes overflows.
    let hidden = Int(min(max(Float(width) * mlpRatio, 0), 1e9))
    let sizes = [
      ("image_size", imageSize, 1 << 14), ("patch_size", patchSize, 1 << 14),
      ("width", width, 1 << 16), ("depth", depth, 1 << 10),
      ("heads", heads, 1 << 10), ("classes", classes, 1 << 20),
      ("mlp_ratio times width", hidden, 1 << 20),
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
  package struct LayerShape: Equatable, Sendable {
    /// "qkv", "proj", "fc1" or "fc2"; behind "stage 1" and so on in a Swin.
    package let name: String
    /// N of one image, D and C; and how many blocks have it.
    package let rows, inputs, outputs, count: Int
  }

  /// The quantized linear layers of the model, stage by stage.
  package var layerShapes: [LayerShape] {
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
  package var multiplyAdds: Int {
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
  package func layersBehind(_ name: String) -> Int {
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
      throw ModelError.tooSmall(key: "window_size", value: windowSize)
    }
    guard windowSize <= 64 else {
      throw ModelError.tooLarge(key: "window_size", value: windowSize, limit: 64)
    }
    let blocks = stageDepths.reduce(0) { $0 &+ min($1, 1 << 20) }
    guard blocks <= 1 << 10 else {
      throw ModelError.tooLarge(
        key: "stage_depths in all", value: blocks, limit: 1 << 10)
    }
    for (index, (depth, heads)) in zip(stageDepths, stageHeads).enumerated() {
      guard (1...1024).contains(depth), (1...1024).contains(heads) else {
        throw ModelError.stages(depths: stageDepths, heads: stageHeads)
      }
      let width = width << index
      guard width <= 1 << 20 else {
        throw ModelError.tooLarge(
          key: "width of the last stage", value: width, limit: 1 << 20)
      }
      guard width.isMultiple(of: heads) else { throw ModelError.heads(heads, width: width) }
    }
  }
}
