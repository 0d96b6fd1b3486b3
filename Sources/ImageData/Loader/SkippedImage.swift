import Runtime

/// An image that could not be read or decoded, and is left out of its batches.
public struct SkippedImage: Sendable, Equatable, CustomStringConvertible {
  /// Its place in the data set.
  public let index: Int
  /// What the data set calls it: its path, or "file.bin record 17".
  public let name: String
  /// Why it cannot be used, in one line.
  public let reason: String

  init(index: Int, name: String, error: any Error) {
    self.index = index
    self.name = RawName.shown(name)
    self.reason = (error as? ImageError)?.reason ?? "\(error)"
  }

  /// Name and reason in one line.
  public var description: String { reason.contains(name) ? reason : "\(name): \(reason)" }
}
