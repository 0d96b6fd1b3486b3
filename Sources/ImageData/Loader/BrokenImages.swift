/// The broken images of a data set, each once, and how many are too many.
struct BrokenImages {
  private(set) var images: [SkippedImage] = []
  private var indices: Set<Int> = []
  private let total: Int
  private let maximumShare: Double

  init(total: Int, maximumShare: Double) {
    self.total = total
    self.maximumShare = maximumShare
  }

  /// Records an image; false if it was recorded before.
  mutating func insert(_ image: SkippedImage) -> Bool {
    guard indices.insert(image.index).inserted else { return false }
    images.append(image)
    return true
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
