extension Preprocessing {
  /// Larger images would be a mistake, and the products of sizes stay far from overflow.
  static let maximumImageSize = 8192

  /// Throws `LoaderError.setting` for the first value that cannot be used.
  func check() throws {
    try require(
      (1...Self.maximumImageSize).contains(imageSize), "imageSize", imageSize,
      "1 to \(Self.maximumImageSize)")
    try require(channels == 1 || channels == 3, "channels", channels, "1 or 3")
    try require(
      mean.count == channels && mean.allSatisfy(\.isFinite), "mean", mean,
      "\(channels) finite numbers, one a channel")
    try require(
      standardDeviation.count == channels
        && standardDeviation.allSatisfy { $0.isFinite && $0 > 0 },
      "standardDeviation", standardDeviation, "\(channels) numbers above 0, one a channel")
    try require(
      cropRatio > 0.1 && cropRatio <= 1, "cropRatio", cropRatio, "above 0.1, at most 1")
    try augmentation.check(imageSize: imageSize)
  }
}

extension Augmentation {
  /// Throws `LoaderError.setting` for the first value that cannot be used.
  func check(imageSize: Int) throws {
    try require(
      (0...imageSize).contains(cropPadding), "cropPadding", cropPadding, "0 to \(imageSize)")
    try require(scale.lowerBound > 0 && scale.upperBound <= 1, "scale", scale, "within 0…1")
    try require(
      ratio.lowerBound >= 0.01 && ratio.upperBound <= 100, "ratio", ratio, "within 0.01…100")
    try require((0...8).contains(colorJitter), "colorJitter", colorJitter, "0 to 8")
    try require((1...1000).contains(repeats), "repeats", repeats, "1 to 1000")
    for (name, value) in [
      ("flipProbability", Double(flipProbability)), ("erasingProbability", erasingProbability),
      ("mixing.probability", mixing.probability),
      ("mixing.switchProbability", mixing.switchProbability),
    ] { try require((0...1).contains(value), name, value, "0 to 1") }
    for (name, value) in [("mixing.mixup", mixing.mixup), ("mixing.cutmix", mixing.cutmix)] {
      try require((0...100).contains(value), name, value, "0 to 100")
    }
  }
}

extension LoaderOptions {
  /// The largest batch, in numbers: 64 GiB of them.
  private static let maximumBatch = 1 << 34

  /// Throws `LoaderError.setting` for the first value that cannot be used.
  func check(_ preprocessing: Preprocessing) throws {
    let image = preprocessing.imageSize * preprocessing.imageSize * preprocessing.channels
    let limit = Self.maximumBatch / image
    try require((1...limit).contains(batchSize), "batchSize", batchSize, "1 to \(limit)")
    try require((1...1024).contains(workers), "workers", workers, "1 to 1024")
    try require(cacheMegabytes >= 0, "cacheMegabytes", cacheMegabytes, "0 or more")
    try require(
      (0...1).contains(maximumBrokenShare), "maximumBrokenShare", maximumBrokenShare, "0 to 1")
  }
}

private func require<Value>(
  _ holds: Bool, _ name: String, _ found: Value, _ expected: String
) throws {
  if !holds { throw LoaderError.setting(name: name, found: "\(found)", expected: expected) }
}
