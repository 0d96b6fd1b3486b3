import ImageData

extension Recipe {
  /// How the images of one side are read.
  func loaderOptions(training: Bool) -> LoaderOptions {
    LoaderOptions(
      batchSize: self.training.batchSize, training: training, seed: UInt64(seed),
      workers: data.workers, cacheMegabytes: data.cacheMegabytes,
      maximumBrokenShare: data.maximumBrokenShare)
  }
}
