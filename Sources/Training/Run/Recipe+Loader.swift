import ImageData

extension Recipe {
  /// How batches of training images, or of test images, are made.
  func loaderOptions(training: Bool) -> LoaderOptions {
    LoaderOptions(
      batchSize: self.training.batchSize, training: training, seed: UInt64(seed),
      workers: data.workers, cacheMegabytes: data.cacheMegabytes,
      maximumBrokenShare: data.maximumBrokenShare)
  }

  /// The first test images, on which the model's output is compared from step to step.
  func fixedBatch(of test: any ImageDataset) throws -> Batch? {
    let images = statistics.images
    guard statistics.enabled, images > 0 else { return nil }
    var options = loaderOptions(training: false)
    (options.batchSize, options.workers, options.maximumBrokenShare) = (images, 1, 1)
    return try BatchLoader(
      dataset: test, preprocessing: preprocessing, options: options
    )
    .epoch(0).next()
  }
}
