import MXRuntime

/// How a `BatchLoader` goes through its data set.
package struct LoaderOptions: Sendable, Equatable {
  /// Images a batch; the last batches of an epoch may have fewer.
  package var batchSize: Int
  /// Batches that make a step together: its images are dealt out to them one by one, as to processes that share an
  /// epoch, so that repeats of an image come into different ones.
  package var batchesPerStep: Int
  /// Whether what is left of an epoch behind its last whole step is left out.
  package var dropsLast: Bool
  /// Whether to shuffle and to augment.
  package var training: Bool
  /// What order and augmentation are drawn from.
  package var seed: UInt64
  /// Threads that decode ahead. They change speed, never a bit of a batch.
  package var workers: Int
  /// Memory for decoded and resized images, in MiB (2²⁰ bytes); 0 for no cache.
  package var cacheMegabytes: Int
  /// The share of the data set that may be broken images before the loader gives up, 0…1.
  package var maximumBrokenShare: Double

  /// Options; `BatchLoader` checks their values.
  package init(
    batchSize: Int = 128, batchesPerStep: Int = 1, dropsLast: Bool = false, training: Bool = false,
    seed: UInt64 = 0,
    workers: Int = ProcessorCount.current, cacheMegabytes: Int = 1024,
    maximumBrokenShare: Double = 0.01
  ) {
    self.batchSize = batchSize
    self.batchesPerStep = batchesPerStep
    self.dropsLast = dropsLast
    self.training = training
    self.seed = seed
    self.workers = workers
    self.cacheMegabytes = cacheMegabytes
    self.maximumBrokenShare = maximumBrokenShare
  }

  /// Images of a whole step.
  private var stepSize: Int { batchSize * batchesPerStep }

  /// How many batches an epoch of some images has, the smaller last ones included.
  package func batchesPerEpoch(images: Int) -> Int {
    let (whole, rest) = images.quotientAndRemainder(dividingBy: stepSize)
    return whole * batchesPerStep + (dropsLast ? 0 : min(batchesPerStep, rest))
  }

  /// The places of a batch's images in the order of an epoch.
  func places(of batch: Int, images: Int) -> StrideTo<Int> {
    let (step, number) = batch.quotientAndRemainder(dividingBy: batchesPerStep)
    let start = step * stepSize
    return stride(
      from: start + number, to: min(start + stepSize, images), by: batchesPerStep)
  }
}
