/// Swin (Liu et al. 2021): stages of blocks with attention in shifted windows, patch merging between them, the mean of the
/// normalized tokens into the head.
package enum Swin: ModelFamily {
  package static let name = "swin"
  package static let title = "Swin"
  package static let normEpsilon: Float = 1e-5
  package static let sizes = [
    ModelSize("stage_depths", "depths", .integers(\.stageDepths)),
    ModelSize("stage_heads", "num_heads", .integers(\.stageHeads)),
    ModelSize("window_size", "window_size", .integer(\.windowSize)),
  ]
  package static let presets: [(name: String, configuration: ModelConfiguration)] = [
    ("swin_tiny_patch4_window7_224", .swin()),
    ("swin_small_patch4_window7_224", .swin(depths: [2, 2, 18, 2])),
  ]

  package static func blueprint(_ shape: ModelConfiguration) -> Blueprint {
    let epsilon = shape.normEpsilon
    let count = shape.stageDepths.reduce(0, +)
    var stages: [Stage.Shape] = []
    var (side, width, index) = (shape.imageSize / shape.patchSize, shape.width, 0)
    for (stage, depth) in shape.stageDepths.enumerated() {
      var merging: PatchMerging.Shape?
      if stage > 0 {
        let layer = PatchMerging.Shape(
          name: "layers.\(stage).downsample", side: side, inputs: width, epsilon: epsilon)
        (side, width, merging) = (layer.merged, 2 * width, layer)
      }
      let blocks = (0..<depth).map { number in
        Block.Shape(
          name: "layers.\(stage).blocks.\(number)", index: index + number, width: width,
          heads: shape.stageHeads[stage], hidden: Int(Float(width) * shape.mlpRatio),
          tokens: side * side, epsilon: epsilon,
          dropPath: shape.dropPath(ofBlock: index + number, of: count),
          windows: WindowShape(
            side: side, window: shape.windowSize, isShifted: !number.isMultiple(of: 2)),
          attention: shape.attention)
      }
      stages.append(
        Stage.Shape(merging: merging, blocks: blocks, tokens: side * side, width: width))
      index += depth
    }
    return Blueprint(
      embedding: PatchEmbedding.Shape(
        grid: shape.patchGrid, width: shape.width, normEpsilon: epsilon),
      stages: stages,
      head: ClassificationHead.Shape(
        name: "head.fc", pooling: .mean, width: width, tokens: side * side,
        classes: shape.classes, epsilon: epsilon))
  }

  package static func validate(_ shape: ModelConfiguration) throws {
    let (depths, heads) = (shape.stageDepths, shape.stageHeads)
    guard !depths.isEmpty, depths.count == heads.count, depths.count <= 8 else {
      throw ModelError.stages(depths: depths, heads: heads)
    }
    guard shape.windowSize >= 1 else {
      throw ModelError.tooSmall(key: "window_size", value: shape.windowSize)
    }
    guard shape.windowSize <= 64 else {
      throw ModelError.tooLarge(key: "window_size", value: shape.windowSize, limit: 64)
    }
    let blocks = depths.reduce(0) { $0 &+ min($1, 1 << 20) }
    guard blocks <= 1 << 10 else {
      throw ModelError.tooLarge(key: "stage_depths in all", value: blocks, limit: 1 << 10)
    }
    for (index, (depth, count)) in zip(depths, heads).enumerated() {
      guard (1...1024).contains(depth), (1...1024).contains(count) else {
        throw ModelError.stages(depths: depths, heads: heads)
      }
      let width = shape.width << index
      guard width <= 1 << 20 else {
        throw ModelError.tooLarge(key: "width of the last stage", value: width, limit: 1 << 20)
      }
      guard width.isMultiple(of: count) else { throw ModelError.heads(count, width: width) }
    }
  }
}

extension Architecture {
  /// Swin.
  package static let swin = Architecture(Swin.self)
}

extension ModelConfiguration {
  /// A Swin transformer; unnamed values are Swin-T's.
  package static func swin(
    imageSize: Int = 224, patchSize: Int = 4, width: Int = 96, depths: [Int] = [2, 2, 6, 2],
    heads: [Int] = [3, 6, 12, 24], windowSize: Int = 7, classes: Int = 1000
  ) -> ModelConfiguration {
    ModelConfiguration(
      architecture: .swin, imageSize: imageSize, patchSize: patchSize, width: width,
      stageDepths: depths, stageHeads: heads, windowSize: windowSize, classes: classes)
  }
}
