import Files

/// An image that could not be read or decoded, and is left out of its batches.
package struct SkippedImage: Sendable, Equatable, CustomStringConvertible {
  /// Its place in the data set.
  package let index: Int
  /// What the data set calls it: its path, or "file.bin record 17".
  package let name: String
  /// Why it cannot be used, in one line.
  package let reason: String

  init(index: Int, name: String, error: any Error) {
    self.index = index
    self.name = RawName.shown(name)
    self.reason = (error as? ImageError)?.reason ?? "\(error)"
  }

  /// Name and reason in one line.
  package var description: String { reason.contains(name) ? reason : "\(name): \(reason)" }
}
