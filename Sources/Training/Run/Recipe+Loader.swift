import ImageData

extension Recipe {
  /// How batches of training images, or of test images, are made.
  func loaderOptions(training: Bool) -> LoaderOptions {
    LoaderOptions(
      batchSize: self.training.microBatchSize,
      batchesPerStep: training ? self.training.microBatches : 1,
      dropsLast: training && self.training.dropsLast, training: training, seed: UInt64(seed),
      workers: data.workers, cacheMegabytes: data.cacheMegabytes,
      maximumBrokenShare: data.maximumBrokenShare)
  }

  /// Test images spread over the classes, on which the model's output is compared from step to step; nil where it is
  /// not.
  ///
  /// - Throws: loader errors.
  func fixedBatch(of test: any ImageDataset) throws -> Batch? {
    guard statistics.enabled, statistics.images > 0 else { return nil }
    return try batch(of: statistics.images, from: test)
  }

  /// Images spread over the classes, as evaluation shows them; nil where all of them are broken.
  ///
  /// - Throws: loader errors.
  func batch(of images: Int, from dataset: any ImageDataset) throws -> Batch? {
    var options = loaderOptions(training: false)
    (options.batchSize, options.workers, options.maximumBrokenShare) = (images, 1, 1)
    return try BatchLoader(
      dataset: dataset.spread(images), preprocessing: preprocessing, options: options
    )
    .epoch(0).next()
  }
}
