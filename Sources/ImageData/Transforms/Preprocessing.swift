/// What is done to every image of a data set before the model sees it.
public struct Preprocessing: Sendable, Equatable {
  /// Height and width of what the model sees, in pixels.
  public var imageSize: Int
  /// 1 (grey) or 3 (red, green, blue).
  public var channels: Int
  /// Subtracted from each channel's values in 0…1.
  public var mean: [Float]
  /// What each channel is divided by after that.
  public var standardDeviation: [Float]
  /// While training: black pixels added on each side before a random crop of `imageSize`; 0 for none.
  public var cropPadding: Int
  /// While training: how likely an image is mirrored left to right.
  public var flipProbability: Float

  /// Preprocessing of these parts; `BatchLoader` checks that they fit together.
  public init(
    imageSize: Int, channels: Int, mean: [Float], standardDeviation: [Float],
    cropPadding: Int = 0, flipProbability: Float = 0
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.cropPadding = cropPadding
    self.flipProbability = flipProbability
  }
}
