import Files

/// An image that could not be read or decoded, and is left out of its batches.
package struct SkippedImage: Sendable, Equatable, CustomStringConvertible {
  /// Its place in the data set.
  package let index: Int
  /// What the data set calls it: its path, or "file.bin record 17".
  package let name: String
  /// Why it cannot be used, in one line.
  package let reason: String

  /// An image that was met elsewhere, as it was told (`told`); nil where this is no such text.
  package init?(_ told: some StringProtocol) {
    let words = told.split(separator: "\0", omittingEmptySubsequences: false)
    guard words.count == 3, let index = Int(words[0]) else { return nil }
    (self.index, name, reason) = (index, String(words[1]), String(words[2]))
  }

  /// What others have to know of it.
  package var told: String { "\(index)\0\(name)\0\(reason)" }

  init(index: Int, name: String, error: any Error) {
    self.index = index
    self.name = RawName.shown(name)
    self.reason = (error as? ImageError)?.reason ?? "\(error)"
  }

  /// Name and reason in one line.
  package var description: String { reason.contains(name) ? reason : "\(name): \(reason)" }
}
