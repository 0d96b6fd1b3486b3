import ImageData

/// An image whose values go up by 37, modulo 256.
func pattern(_ width: Int, _ height: Int, _ channels: Int, start: Int = 11) -> Image {
  Image(
    width: width, height: height, channels: channels,
    pixels: (0..<width * height * channels).map { UInt8(truncatingIfNeeded: $0 * 37 + start) })
}

/// Preprocessing after which a batch holds the pixel values themselves (up to float rounding).
func rawValues(
  _ size: Int, channels: Int = 1, cropPadding: Int = 0, flipProbability: Float = 0
) -> Preprocessing {
  var augmentation = Augmentation()
  (augmentation.cropPadding, augmentation.flipProbability) = (cropPadding, flipProbability)
  return Preprocessing(
    imageSize: size, channels: channels, mean: Array(repeating: 0, count: channels),
    standardDeviation: Array(repeating: 1 / 255, count: channels), augmentation: augmentation)
}

/// Every batch of an epoch.
func allBatches(_ loader: BatchLoader, epoch: Int = 0, from batch: Int = 0) throws -> [Batch] {
  let sequence = loader.epoch(epoch, from: batch)
  var batches: [Batch] = []
  while let batch = try sequence.next() { batches.append(batch) }
  return batches
}

/// The pixel values of image `index` of a batch that `rawValues` made.
func pixels(_ batch: Batch, _ index: Int) -> [Int] {
  let length = batch.channels * batch.imageSize * batch.imageSize
  return batch.images.elements[index * length..<(index + 1) * length].map { Int($0.rounded()) }
}

/// All numbers of a batch, in bits.
func bits(_ batch: Batch) -> [UInt32] { batch.images.elements.map(\.bitPattern) }

extension Image {
  /// The image as evaluation sees it.
  func fitted(size: Int, channels: Int) -> Image {
    // Only files can be broken.
    try! ImageContent.pixels(self).fitted(size: size, channels: channels)
  }
}
