import Files

/// An open file that several owners read from, at positions they name, from any thread.
final class SharedFile: Sendable {
  let descriptor: FileDescriptor

  /// Opens a file. Throws `FileError`.
  init(_ path: String) throws { descriptor = try FileDescriptor(reading: path) }
}
