import Synchronization

/// Makes batches of a data set, epoch after epoch, on threads of its own.
///
/// A batch is a function of (data set, preprocessing, seed, epoch, batch index) alone: the same bits
/// for any number of workers and after a resume. Images that cannot be read or decoded are left out
/// of their batches, and recorded.
package final class BatchLoader: Sendable {
  private let dataset: any ImageDataset
  private let options: LoaderOptions
  private let maker: BatchMaker
  private let broken: Mutex<BrokenImages>
  private let onSkip: (@Sendable (SkippedImage) -> Void)?

  /// A loader for `dataset`. Throws `LoaderError` for settings that cannot be used and for a data set
  /// without images.
  ///
  /// `onSkip` is called once for each broken image, in the thread that asks for the batch it would have
  /// been in.
  package init(
    dataset: any ImageDataset, preprocessing: Preprocessing, options: LoaderOptions,
    onSkip: (@Sendable (SkippedImage) -> Void)? = nil
  ) throws {
    try preprocessing.check()
    try options.check(preprocessing)
    guard dataset.count > 0 else { throw LoaderError.noImages }
    guard options.batchesPerEpoch(images: dataset.count) > 0 else {
      throw LoaderError.noWholeBatch(
        images: dataset.count, batchSize: options.batchSize * options.batchesPerStep)
    }
    self.dataset = dataset
    self.options = options
    self.onSkip = onSkip
    maker = BatchMaker(dataset: dataset, preprocessing: preprocessing, options: options)
    broken = Mutex(
      BrokenImages(total: dataset.count, maximumShare: options.maximumBrokenShare))
  }

  /// How many batches an epoch has, the smaller last ones included.
  package var batchesPerEpoch: Int { options.batchesPerEpoch(images: dataset.count) }

  /// Each broken image met so far, once, in the order in which they were met.
  package var skipped: [SkippedImage] { broken.withLock { $0.images } }

  /// The broken images that this loader has met since the last time that this was called.
  package func takeNews() -> [SkippedImage] { broken.withLock { $0.takeNews() } }

  /// Records what loaders of the same data set have met elsewhere.
  ///
  /// - Throws: `LoaderError.brokenImages` where it makes too many.
  package func record(elsewhere images: [SkippedImage]) throws {
    try record(images, isNews: false)
  }

  /// The batches of an epoch, from batch `batch` on. Work begins at once.
  ///
  /// - Parameter isWanted: whether the batch of a number is; those that are not are never made.
  ///
  /// Several epochs may be under way at the same time (they share the cache), each with `workers`
  /// threads.
  package func epoch(
    _ epoch: Int, from batch: Int = 0, where isWanted: (_ batch: Int) -> Bool = { _ in true }
  ) -> BatchSequence {
    precondition(
      (0...batchesPerEpoch).contains(batch), "batch \(batch) of \(batchesPerEpoch)")
    let plan = maker.plan(epoch: epoch)
    let numbers = (batch..<batchesPerEpoch).filter(isWanted)
    let pipeline = BatchPipeline(
      0..<numbers.count, workers: options.workers
    ) { [maker] index, isWanted in
      maker.make(numbers[index], of: plan, while: isWanted)
    }
    return BatchSequence(pipeline: pipeline, loader: self)
  }

  /// Records what a batch left out. Doing so when the batch is handed out, not when the image is met,
  /// makes the order and the moment of giving up independent of the threads.
  func record(_ images: [SkippedImage], isNews: Bool = true) throws {
    for image in images {
      let (isNew, verdict) = broken.withLock { ($0.insert(image, isNews: isNews), $0.verdict) }
      if isNew { onSkip?(image) }
      if let verdict { throw verdict }
    }
  }
}
