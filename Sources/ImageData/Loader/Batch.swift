import Runtime

/// Images that go through the model together.
public struct Batch: Sendable {
  /// B × C × H × W, normalized.
  public let images: AlignedBuffer<Float>
  /// The class of each image, B of them.
  public let labels: [Int]
  /// Which images of the data set these are, B of them.
  public let places: [Int]
  /// How large a share of image i is image i of the data set, the rest being image B − 1 − i, with its label: λ of mixup
  /// and CutMix, 1 for a batch that was not mixed.
  public let mixedShare: Float
  /// H and W.
  public let imageSize: Int
  /// C.
  public let channels: Int
  /// Which batch of its epoch this is. Numbers can be missing: a batch of broken images alone is
  /// passed over.
  public let index: Int

  /// A batch, as loaders make it.
  package init(
    images: AlignedBuffer<Float>, labels: [Int], places: [Int], mixedShare: Float, imageSize: Int,
    channels: Int, index: Int
  ) {
    (self.images, self.labels, self.places) = (images, labels, places)
    (self.mixedShare, self.imageSize, self.channels) = (mixedShare, imageSize, channels)
    self.index = index
  }

  /// B: the batch size, less the broken images; fewer in an epoch's last batch.
  public var count: Int { labels.count }
}
