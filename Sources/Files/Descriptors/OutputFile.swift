#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that a user has named for a result: looked at before the work begins, written when it is done.
///
/// An input is never replaced, another file only where that is allowed. A link is followed: the file that it leads to gets
/// the new content, and the link stays one. What is written from beginning to end, a named pipe, a terminal, /dev/null and
/// standard output (`-`, /dev/stdout), is written through; everything else atomically.
package struct OutputFile: Sendable {
  /// The name that the user gave.
  package let path: String
  private let place: Place

  private enum Place: Sendable {
    /// No file yet, at the end of all links.
    case new(String)
    /// A file, at the end of all links, and its permissions.
    case old(String, mode: mode_t)
    /// A device or a pipe.
    case stream(String)
    /// What the process was started with.
    case descriptor(Int32)
  }

  /// Looks at where a result is to go.
  ///
  /// - Parameters:
  ///   - path: the name; `-` stands for standard output.
  ///   - inputs: the files that the command reads, under any names.
  ///   - replaces: whether an older file may go.
  /// - Throws: `OutputError`, `FileError` (no such folder, no permission).
  package init(_ path: String, inputs: [String], replaces: Bool) throws {
    self.path = path
    if let number = descriptorNumber(path) {
      var status = stat()
      guard fstat(number, &status) == 0 else { throw FileError("write", path) }
      try refuseInputs(inputs, as: status, path)
      place = .descriptor(number)
      return
    }
    let target = try linkTarget(path)
    var status = stat()
    guard stat(target, &status) == 0 else {
      guard errno == ENOENT, !target.isEmpty, !target.hasSuffix("/") else {
        throw FileError("create", path)
      }
      try checkFolder(of: target, path)
      place = .new(target)
      return
    }
    try refuseInputs(inputs, as: status, path)
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      guard replaces else { throw OutputError.exists(path) }
      // Its folder would allow the replacement; whoever protected the file did not.
      guard access(target, W_OK) == 0 else { throw FileError("write", path) }
      try checkFolder(of: target, path)
      place = .old(target, mode: status.st_mode & 0o7777)
    case S_IFIFO, S_IFCHR: place = .stream(target)
    case S_IFDIR: throw OutputError.folder(path)
    case S_IFBLK: throw OutputError.special(path, kind: "a disk")
    default: throw OutputError.special(path, kind: "a socket")
    }
  }

  /// Whether the result goes where the command prints, so that nothing else may be printed there.
  package var isStandardOutput: Bool {
    if case .descriptor(STDOUT_FILENO) = place { true } else { false }
  }

  /// Writes the content: whole or not at all, except into what is written through.
  ///
  /// - Parameter check: looks at the finished file before it takes its place, and throws where it must not; nothing can
  ///   be looked at that was written through.
  /// - Throws: `FileError`; `OutputError.exists` where a file has appeared meanwhile.
  package func write(
    check: (_ finished: String) throws -> Void = { _ in },
    _ write: (borrowing FileDescriptor) throws -> Void
  ) throws {
    switch place {
    case .new(let target):
      try writeFileAtomically(target, check: check, place: { try placeNew($0, target) }, write)
    case .old(let target, let mode):
      try writeFileAtomically(
        target,
        check: {
          guard chmod($0, mode) == 0 else { throw FileError("write", $0) }
          try check($0)
        }, write)
    case .stream(let target): try write(FileDescriptor(writingThrough: target))
    case .descriptor(let number): try write(FileDescriptor(duplicating: number, path: path))
    }
  }

  /// Writes `text` as the whole content.
  package func write(text: String) throws {
    try write { file in
      var text = text
      try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
    }
  }

  /// Gives a finished file a name that nobody has taken since it was looked at.
  private func placeNew(_ finished: String, _ target: String) throws {
    if link(finished, target) == 0 {
      unlink(finished)
      return
    }
    // Some file systems have no second names for a file.
    guard errno != EEXIST, access(target, F_OK) != 0 else { throw OutputError.exists(path) }
    try moveFile(finished, to: target)
  }
}

/// Refuses an output that is one of the files that are read.
private func refuseInputs(_ inputs: [String], as output: stat, _ path: String) throws {
  // Every process has the same terminal and the same /dev/null.
  guard output.st_mode & S_IFMT == S_IFREG else { return }
  for input in inputs {
    var status = stat()
    if stat(input, &status) == 0, status.st_dev == output.st_dev, status.st_ino == output.st_ino {
      throw OutputError.isInput(path, input: input)
    }
  }
}

/// Refuses a file whose folder is not there, or not to be written in, before the work begins.
func checkFolder(of target: String, _ path: String) throws {
  let folder = folderAndName(target).folder
  var status = stat()
  guard stat(folder, &status) == 0 else { throw FileError("create", path) }
  guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError("create", path, code: ENOTDIR) }
  guard access(folder, W_OK | X_OK) == 0 else { throw FileError("create", path) }
}

/// The number of an open file that a path stands for: `-`, /dev/stdout, /dev/fd/3.
private func descriptorNumber(_ path: String) -> Int32? {
  switch path {
  case "-", "/dev/stdout": return STDOUT_FILENO
  case "/dev/stderr": return STDERR_FILENO
  default:
    let (folder, name) = folderAndName(path)
    guard ["/dev/fd", "/proc/self/fd", "/proc/\(getpid())/fd"].contains(folder),
      name.allSatisfy(\.isWholeNumber)
    else { return nil }
    return Int32(name)
  }
}

/// Where the links of a path end; no file need be there.
private func linkTarget(_ path: String) throws -> String {
  var path = path
  // As many as Linux follows.
  for _ in 0..<40 {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = bytes.withUnsafeMutableBytes {
      readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard length > 0 else { return path }
    let target = String(decoding: bytes.prefix(length), as: UTF8.self)
    path = target.hasPrefix("/") ? target : "\(folderAndName(path).folder)/\(target)"
  }
  throw FileError("write", path, code: ELOOP)
}
