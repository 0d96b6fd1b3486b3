import ImageData

extension Recipe {
  /// How batches of training images, or of test images, are made.
  func loaderOptions(training: Bool) -> LoaderOptions {
    LoaderOptions(
      batchSize: self.training.batchSize, training: training, seed: UInt64(seed),
      workers: data.workers, cacheMegabytes: data.cacheMegabytes,
      maximumBrokenShare: data.maximumBrokenShare)
  }
}
