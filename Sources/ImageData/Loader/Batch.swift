import MXRuntime

/// Images that go through the model together.
package struct Batch: Sendable {
  /// B × C × H × W, normalized.
  package let images: AlignedBuffer<Float>
  /// The class of each image, B of them.
  package let labels: [Int]
  /// Which images of the data set these are, B of them.
  package let places: [Int]
  /// How large a share of image i is image i of the data set, the rest being image B − 1 − i, with its label: λ of mixup
  /// and CutMix, 1 for a batch that was not mixed.
  package let mixedShare: Float
  /// H and W.
  package let imageSize: Int
  /// C.
  package let channels: Int
  /// Which batch of its epoch this is. Numbers can be missing: a batch of broken images alone is
  /// passed over.
  package let index: Int

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
  package var count: Int { labels.count }

  /// The images, [B, C·H·W], as long as `images` lives.
  package var matrix: FloatMatrix {
    FloatMatrix(images.base, rows: count, columns: channels * imageSize * imageSize)
  }

  /// Calls `body` with the images, [B, C·H·W].
  package func withMatrix<Result>(_ body: (FloatMatrix) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(images) { try body(matrix) }
  }
}
