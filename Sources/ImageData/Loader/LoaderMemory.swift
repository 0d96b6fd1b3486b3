/// What a loader will take of memory at most, in bytes, before it exists.
package struct LoaderMemory: Sendable {
  /// What the consumer holds and what is made ahead of it: `workers` + 2 batches, or all of an
  /// epoch.
  package let batches: Int
  /// Decoded images that are kept, once all have been met.
  package let cache: Int
  /// What the threads need to decode and resize an image each.
  package let decoding: Int
  /// The order of the images.
  package let order: Int

  /// The account of a loader that can be made.
  package init(_ sizes: ImageSizes, _ options: LoaderOptions) {
    // What the last batch lacks is not set aside either.
    let held = (options.workers + 3).multipliedReportingOverflow(by: options.batchSize)
    batches = min(held.overflow ? .max : held.partialValue, sizes.count) * sizes.batchBytes
    let room = options.cacheMegabytes.multipliedReportingOverflow(by: 1 << 20)
    let slots = options.cacheMegabytes > 0 ? sizes.count * MemoryLayout<Image?>.stride : 0
    cache = min(room.overflow ? .max : room.partialValue, sizes.count * sizes.cached) + slots
    decoding = min(options.workers, options.batchesPerEpoch(images: sizes.count)) * sizes.decoding
    // A permutation, and a number and a repetition an image.
    order = sizes.count * 3 * MemoryLayout<Int>.stride
  }
}

/// What the images of a data set take while they are decoded, and kept decoded: bytes an image, by
/// some of them.
package struct ImageSizes: Sendable {
  /// How many images there are.
  package let count: Int
  /// Of an image in a batch.
  package let batchBytes: Int
  /// Of an image in the cache, the mean; 0 for images that are not kept.
  let cached: Int
  /// Of an image that is decoded, the largest.
  let decoding: Int

  /// Images that are looked at, spread evenly over the data set.
  private static let samples = 128

  /// The sizes of some images, whose headers are read.
  ///
  /// - Throws: `LoaderError` where no loader could be made.
  package init(
    _ dataset: any ImageDataset, _ preprocessing: Preprocessing, _ options: LoaderOptions
  ) throws {
    try preprocessing.check()
    try options.check(preprocessing)
    guard dataset.count > 0 else { throw LoaderError.noImages }
    let training = options.training
    let count = dataset.count
    self.count = count
    let number = min(Self.samples, count)
    // Broken images are another's business.
    let contents = (0..<number).compactMap { try? dataset.content($0 * count / number) }
    let size = preprocessing.imageSize
    let shown = size * size * preprocessing.channels
    batchBytes = shown * MemoryLayout<Float>.stride
    // An array's header, and malloc's.
    let overhead = 48
    let isFitted = !training || preprocessing.augmentation.crop == .padded
    let cropRatio = training ? 1 : preprocessing.cropRatio
    let exactly = preprocessing.exactDecoding
    let kept = contents.map { content -> Int in
      if isFitted { return shown + overhead }
      guard case .file = content, content.isNeverReduced(size: size, exactly: exactly) else {
        return 0
      }
      return content.width * content.height * 3 + overhead
    }
    cached = kept.reduce(0, +) / max(kept.count, 1)
    decoding =
      contents.map { content -> Int in
        guard case .file(let file) = content else { return 2 * shown }
        let reduction =
          isFitted
          ? content.fittedReduction(size: size, cropRatio: cropRatio, exactly: exactly)
          : file.leastReduction
        // Decoding, what lies between the two passes of resizing, and what operations change.
        return file.decodingBytes(reduction: reduction) + 3 * (file.height / reduction + 1) * size
          + 4 * shown
      }.max() ?? 0
  }
}
