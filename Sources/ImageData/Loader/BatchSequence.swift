/// The batches of one epoch in order, for one consumer.
///
/// Letting go of it early ends its threads: its deinit waits until each has finished the image it is
/// at, so that nothing reads the data set afterwards.
package final class BatchSequence {
  private let pipeline: BatchPipeline
  private let loader: BatchLoader
  private var failure: (any Error)?

  init(pipeline: BatchPipeline, loader: BatchLoader) {
    self.pipeline = pipeline
    self.loader = loader
  }

  deinit { pipeline.stop() }

  /// The next batch, or nil at the epoch's end. Waits for the workers where they are not ahead.
  ///
  /// Batches without a single readable image are passed over. Throws `LoaderError.brokenImages` when
  /// too many images are broken, and throws it again if asked again.
  package func next() throws -> Batch? {
    if let failure { throw failure }
    while let made = pipeline.take() {
      do {
        try loader.record(made.skipped)
      } catch {
        failure = error
        pipeline.stop()
        throw error
      }
      if made.batch.count > 0 { return made.batch }
    }
    return nil
  }
}
