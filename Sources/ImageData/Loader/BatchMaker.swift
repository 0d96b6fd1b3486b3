import Runtime

/// Makes the batches of an epoch from images, in any order and from any thread.
struct BatchMaker: Sendable {
  /// The order of an epoch's images and what their augmentation is drawn from.
  struct Plan: Sendable {
    let order: [Int]
    let augmentation: RandomStream
  }

  private let dataset: any ImageDataset
  private let preprocessing: Preprocessing
  private let options: LoaderOptions
  private let normalization: Normalization
  private let cache: ImageCache

  init(dataset: any ImageDataset, preprocessing: Preprocessing, options: LoaderOptions) {
    self.dataset = dataset
    self.preprocessing = preprocessing
    self.options = options
    normalization = Normalization(preprocessing)
    cache = ImageCache(images: dataset.count, megabytes: options.cacheMegabytes)
  }

  func plan(epoch: Int) -> Plan {
    var shuffle = RandomStream(seed: options.seed, purpose: .shuffle, step: epoch)
      .sequence(item: 0)
    return Plan(
      order: options.training ? shuffle.permutation(dataset.count) : Array(0..<dataset.count),
      augmentation: RandomStream(seed: options.seed, purpose: .augmentation, step: epoch))
  }

  /// Batch `index`, or nil when `isWanted` says no before it is complete.
  func make(_ index: Int, of plan: Plan, while isWanted: () -> Bool) -> MadeBatch? {
    // Neither sum can overflow: the start lies within the data set.
    let start = index * options.batchSize
    let samples = plan.order[start..<start + min(options.batchSize, plan.order.count - start)]
    let length = preprocessing.channels * preprocessing.imageSize * preprocessing.imageSize
    let images = AlignedBuffer<Float>(count: samples.count * length)
    var labels: [Int] = []
    var skipped: [SkippedImage] = []
    for sample in samples {
      guard isWanted() else { return nil }
      do {
        let image = try pixels(of: sample)
        var random = plan.augmentation.sequence(item: sample)
        let placement =
          options.training ? Placement.random(preprocessing, &random) : Placement.identity
        normalization.write(image, placed: placement, to: images.base + labels.count * length)
        labels.append(dataset.label(sample))
      } catch {
        skipped.append(SkippedImage(index: sample, name: dataset.name(sample), error: error))
      }
    }
    let batch = Batch(
      images: skipped.isEmpty ? images : prefix(of: images, count: labels.count * length),
      labels: labels, imageSize: preprocessing.imageSize, channels: preprocessing.channels,
      index: index)
    return MadeBatch(batch: batch, skipped: skipped)
  }

  /// The image as the model sees it before augmentation.
  private func pixels(of sample: Int) throws -> [UInt8] {
    if let cached = cache[sample] { return cached }
    let image = try dataset.image(sample).fitted(
      size: preprocessing.imageSize, channels: preprocessing.channels)
    cache.insert(image.pixels, at: sample)
    return image.pixels
  }

  /// A buffer as long as what it holds, for batches that lost images.
  private func prefix(of buffer: AlignedBuffer<Float>, count: Int) -> AlignedBuffer<Float> {
    let result = AlignedBuffer<Float>(count: count)
    result.base.update(from: buffer.base, count: count)
    return result
  }
}
