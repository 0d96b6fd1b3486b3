import Files

/// Why a loader does not start, or gives up.
package enum LoaderError: ReportableError, Equatable {
  /// A field of `Preprocessing` or `LoaderOptions` has a value that cannot be used.
  case setting(name: String, found: String, expected: String)
  /// There is nothing to load.
  case noImages
  /// Batches are to be whole, and there are not enough images for one.
  case noWholeBatch(images: Int, batchSize: Int)
  /// More images are broken than `LoaderOptions.maximumBrokenShare` of the data set.
  case brokenImages(count: Int, total: Int, maximumShare: Double, first: SkippedImage)

  /// A wrong setting is wrong use; the rest is bad data.
  package var category: ErrorCategory {
    switch self {
    case .setting, .noWholeBatch: .usage
    case .noImages, .brokenImages: .badData
    }
  }

  /// One line: what was found, what was expected, what to try.
  package var description: String {
    switch self {
    case .setting(let name, let found, let expected):
      "\(name) is \(found), expected \(expected)"
    case .noImages: "the data set has no images that can be read, expected at least one"
    case .noWholeBatch(let images, let batchSize):
      "training.drop_last is true, and \(images) images are less than a batch of \(batchSize); try "
        + "training.drop_last=false, or training.batch_size=\(images)"
    case .brokenImages(let count, let total, let share, let first):
      "\(count) of \(counted(total, "image")) cannot be read, expected a share of at most \(share); the first: "
        + "\(first); repair or remove them, or raise data.max_broken_share"
    }
  }
}
