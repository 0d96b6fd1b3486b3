import MXRuntime

/// Makes the batches of an epoch from images, in any order and from any thread.
struct BatchMaker: Sendable {
  /// The order of an epoch's images and what their augmentation is drawn from.
  struct Plan: Sendable {
    /// One entry an image of the epoch.
    let order: [Sample]
    let augmentation: RandomStream
    let mixing: RandomStream
  }

  /// An image of an epoch: its number in the data set, and which of its repeats this is.
  struct Sample {
    let index, repetition: Int32
  }

  private let dataset: any ImageDataset
  private let preprocessing: Preprocessing
  private let options: LoaderOptions
  private let normalization: Normalization
  private let augmenter: Augmenter
  private let cache: ImageCache

  init(dataset: any ImageDataset, preprocessing: Preprocessing, options: LoaderOptions) {
    self.dataset = dataset
    self.preprocessing = preprocessing
    self.options = options
    normalization = Normalization(preprocessing)
    augmenter = Augmenter(preprocessing)
    cache = ImageCache(images: dataset.count, megabytes: options.cacheMegabytes)
  }

  func plan(epoch: Int) -> Plan {
    var shuffle = RandomStream(seed: options.seed, purpose: .shuffle, step: epoch)
      .sequence(item: 0)
    let count = dataset.count
    let repeats = options.training ? preprocessing.augmentation.repeats : 1
    let order = options.training ? shuffle.permutation(count) : Array(0..<count)
    return Plan(
      order: (0..<count).map {
        Sample(index: Int32(order[$0 / repeats]), repetition: Int32($0 % repeats))
      },
      augmentation: RandomStream(seed: options.seed, purpose: .augmentation, step: epoch),
      mixing: RandomStream(seed: options.seed, purpose: .mixing, step: epoch))
  }

  /// Batch `index`, or nil when `isWanted` says no before it is complete.
  func make(_ index: Int, of plan: Plan, while isWanted: () -> Bool) -> MadeBatch? {
    let samples = options.places(of: index, images: plan.order.count).map { plan.order[$0] }
    let (channels, size) = (preprocessing.channels, preprocessing.imageSize)
    let length = channels * size * size
    let images = AlignedBuffer<Float>(count: samples.count * length)
    var labels: [Int] = []
    var places: [Int] = []
    var skipped: [SkippedImage] = []
    for sample in samples {
      guard isWanted() else { return nil }
      let index = Int(sample.index)
      do {
        let output = images.base + labels.count * length
        if options.training {
          var random = plan.augmentation.sequence(
            item: index + dataset.count * Int(sample.repetition))
          try augmenter.write(material(index), &random, to: output)
        } else {
          normalization.write(try fitted(index), placed: .identity, to: output)
        }
        labels.append(dataset.label(index))
        places.append(index)
      } catch {
        skipped.append(SkippedImage(index: index, name: dataset.name(index), error: error))
      }
    }
    var random = plan.mixing.sequence(item: index)
    let share =
      options.training
      ? preprocessing.augmentation.mixing.apply(
        to: images.base, count: labels.count, channels: channels, size: size, &random) : 1
    let batch = Batch(
      images: skipped.isEmpty ? images : prefix(of: images, count: labels.count * length),
      labels: labels, places: places, mixedShare: share, imageSize: size, channels: channels,
      index: index)
    return MadeBatch(batch: batch, skipped: skipped)
  }

  /// What training samples of image `index` are made of.
  private func material(_ index: Int) throws -> ImageContent {
    switch preprocessing.augmentation.crop {
    case .padded: .pixels(try fitted(index))
    case .resized: try source(index)
    }
  }

  /// The image as evaluation sees it, and crops with padding start from.
  private func fitted(_ index: Int) throws -> Image {
    if let cached = cache[index] { return cached }
    // What evaluation cuts off at the ends, training may show.
    let cropRatio = options.training ? 1 : preprocessing.cropRatio
    let image = try dataset.content(index).fitted(
      size: preprocessing.imageSize, channels: preprocessing.channels, cropRatio: cropRatio,
      exactly: preprocessing.exactDecoding)
    cache.insert(image, at: index)
    return image
  }

  /// The image that parts are cut from; decoded where it is small enough to be kept so.
  private func source(_ index: Int) throws -> ImageContent {
    if let cached = cache[index] { return .pixels(cached) }
    let content = try dataset.content(index)
    guard case .file = content,
      content.isNeverReduced(
        size: preprocessing.imageSize, exactly: preprocessing.exactDecoding)
    else { return content }
    let image = try content.image()
    cache.insert(image, at: index)
    return .pixels(image)
  }

  /// A buffer as long as what it holds, for batches that lost images.
  private func prefix(of buffer: AlignedBuffer<Float>, count: Int) -> AlignedBuffer<Float> {
    let result = AlignedBuffer<Float>(count: count)
    result.base.update(from: buffer.base, count: count)
    return result
  }
}
