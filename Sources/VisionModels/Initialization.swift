import MXRuntime

extension VisionModel {
  /// Fills a buffer with timm's initial values.
  package func initialize(_ weights: AlignedBuffer<Float>, seed: UInt64) {
    parameters.initialize(weights, configuration, seed: seed)
  }
}

extension VisionTransformer {
  /// Fills a buffer with timm's initial values.
  package func initialize(_ weights: AlignedBuffer<Float>, seed: UInt64) {
    parameters.initialize(weights, configuration, seed: seed)
  }
}

extension ParameterTable {
  /// Linear weights, the position embedding and relative position biases from N(0, 0.02²), the class token from N(0,
  /// `classTokenDeviation`²), the patch projection uniform in ±1/√(fan-in) as PyTorch's convolutions, norms 1 and 0,
  /// other biases 0.
  fileprivate func initialize(
    _ weights: AlignedBuffer<Float>, _ shape: ModelConfiguration, seed: UInt64
  ) {
    precondition(weights.count == count, "a buffer of another model")
    let bound = 1 / Float(shape.patchLength).squareRoot()
    for (index, entry) in entries.enumerated() {
      let random = RandomStream(seed: seed, purpose: .initialization, layer: index)
      let value: (Int) -> Float =
        switch entry.name {
        case "cls_token": { random.normal($0) * shape.classTokenDeviation }
        case let name where name.hasPrefix("patch_embed.proj."):
          { (2 * random.uniform($0) - 1) * bound }
        case let name where name.hasSuffix(".weight") && entry.shape.count == 1: { _ in 1 }
        case let name where name.hasSuffix(".bias"): { _ in 0 }
        // timm truncates at ±2, a hundred standard deviations away.
        default: { random.normal($0) * 0.02 }
        }
      for element in 0..<entry.count { weights[entry.offset + element] = value(element) }
    }
  }
}
