import Files

/// What a run's images are by content, as `data.json` in its folder says: the same for the same images, wherever they lie.
struct DataFingerprint: Decodable, Hashable, Sendable {
  /// Of the images to train on and to test with.
  private let train, test: String

  private enum CodingKeys: String, CodingKey {
    case train = "train_fingerprint"
    case test = "test_fingerprint"
  }

  /// The fingerprint of a run; nil where its folder does not say.
  init?(run path: String) {
    guard let print = try? readJSON("\(path)/data.json", as: Self.self, limit: 1 << 26) else {
      return nil
    }
    self = print
  }
}
