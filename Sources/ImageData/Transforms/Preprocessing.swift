/// What is done to every image of a data set before the model sees it.
package struct Preprocessing: Sendable, Equatable {
  /// Height and width of what the model sees, in pixels.
  package var imageSize: Int
  /// 1 (grey) or 3 (red, green, blue).
  package var channels: Int
  /// Subtracted from each channel's values in 0…1.
  package var mean: [Float]
  /// What each channel is divided by after that.
  package var standardDeviation: [Float]
  /// In evaluation: how much of the shorter side is shown, in 0…1 (timm's crop_pct); the rest is cut off at the ends.
  package var cropRatio: Double
  /// Whether JPEGs are decoded whole, as Pillow does, however small they are shown; else no larger than is needed.
  package var exactDecoding: Bool
  /// What is done at random in training.
  package var augmentation: Augmentation

  /// Preprocessing of these parts; `BatchLoader` checks that they fit together.
  package init(
    imageSize: Int, channels: Int, mean: [Float], standardDeviation: [Float],
    cropRatio: Double = 1, exactDecoding: Bool = false,
    augmentation: Augmentation = Augmentation()
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.cropRatio = cropRatio
    self.exactDecoding = exactDecoding
    self.augmentation = augmentation
  }
}
