import MXCompute

/// The shape of a model of any family.
package struct ModelConfiguration: Equatable, Sendable {
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
  /// The number of blocks; where there are stages, `stageDepths` has them.
  package var depth: Int
  /// H, the number of attention heads; where there are stages, `stageHeads` has them.
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
  /// The standard deviation of the class token at the start: timm's 10⁻⁶. (DeiT's own code, which the authors train, has
  /// 0.02.)
  package var classTokenDeviation: Float = 1e-6
  /// What a DeiT-III's LayerScale starts from: timm's 10⁻⁶. (Its authors' own code has 10⁻⁴.)
  package var layerScale: Float = 1e-6
  /// What the products of attention are of.
  package var attention = OperandPrecision.fp32

  /// A configuration; unnamed values are DeiT's, and ε the family's.
  package init(
    architecture: Architecture = .vit, imageSize: Int = 224, patchSize: Int = 16, channels: Int = 3,
    width: Int, depth: Int = 12,
    heads: Int = 1, stageDepths: [Int] = [], stageHeads: [Int] = [], windowSize: Int = 7,
    mlpRatio: Float = 4, classes: Int = 1000, normEpsilon: Float? = nil, dropPath: Float = 0
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
    self.normEpsilon = normEpsilon ?? architecture.family.normEpsilon
    self.dropPath = dropPath
  }

  /// The models that have names, timm's.
  package static let presets = Architecture.allCases.flatMap { $0.family.presets }

  /// The preset of a name.
  ///
  /// - Throws: `ModelError.unknownPreset`.
  package static func preset(_ name: String) throws -> ModelConfiguration {
    guard let preset = presets.first(where: { $0.name == name }) else {
      throw ModelError.unknownPreset(name, known: presets.map(\.name))
    }
    return preset.configuration
  }

  /// Patches of an image.
  package var patches: Int { (imageSize / patchSize) * (imageSize / patchSize) }
  /// How images are cut.
  var patchGrid: PatchGrid {
    PatchGrid(channels: channels, imageSize: imageSize, patch: patchSize)
  }
  /// Drop path of a block: it rises to the last one's.
  func dropPath(ofBlock index: Int, of count: Int) -> Float {
    dropPath * Float(index) / Float(max(count - 1, 1))
  }

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
    try architecture.family.validate(self)
    guard (0..<1).contains(dropPath) else { throw ModelError.dropPath(dropPath) }
    guard normEpsilon > 0, normEpsilon.isFinite else { throw ModelError.normEpsilon(normEpsilon) }
  }
}
