/// The broken images of a data set, each once, and how many are too many.
struct BrokenImages {
  private(set) var images: [SkippedImage] = []
  /// Those that others have not been told of.
  private var news: [SkippedImage] = []
  private var indices: Set<Int> = []
  private let total: Int
  private let maximumShare: Double

  init(total: Int, maximumShare: Double) {
    self.total = total
    self.maximumShare = maximumShare
  }

  /// Records an image; false if it was recorded before.
  ///
  /// - Parameter isNews: whether others are to be told of it.
  mutating func insert(_ image: SkippedImage, isNews: Bool) -> Bool {
    guard indices.insert(image.index).inserted else { return false }
    images.append(image)
    if isNews { news.append(image) }
    return true
  }

  /// What others have not been told of yet.
  mutating func takeNews() -> [SkippedImage] {
    defer { news.removeAll() }
    return news
  }

  /// The error to give up with, once there are too many.
  var verdict: LoaderError? {
    guard let first = images.first, Double(images.count) > maximumShare * Double(total) else {
      return nil
    }
    return .brokenImages(
      count: images.count, total: total, maximumShare: maximumShare, first: first)
  }
}
