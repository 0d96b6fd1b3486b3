import Runtime

/// How a `BatchLoader` goes through its data set.
public struct LoaderOptions: Sendable, Equatable {
  /// Images a batch; the last batch of an epoch may have fewer.
  public var batchSize: Int
  /// Whether to shuffle and to augment.
  public var training: Bool
  /// What order and augmentation are drawn from.
  public var seed: UInt64
  /// Threads that decode ahead. They change speed, never a bit of a batch.
  public var workers: Int
  /// Memory for decoded and resized images, in MiB (2²⁰ bytes); 0 for no cache.
  public var cacheMegabytes: Int
  /// The share of the data set that may be broken images before the loader gives up, 0…1.
  public var maximumBrokenShare: Double

  /// Options; `BatchLoader` checks their values.
  public init(
    batchSize: Int = 128, training: Bool = false, seed: UInt64 = 0,
    workers: Int = Threads.available, cacheMegabytes: Int = 1024, maximumBrokenShare: Double = 0.01
  ) {
    self.batchSize = batchSize
    self.training = training
    self.seed = seed
    self.workers = workers
    self.cacheMegabytes = cacheMegabytes
    self.maximumBrokenShare = maximumBrokenShare
  }
}
