#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An open file: whole reads and writes at a position, typed errors, closed with its owner.
package struct FileDescriptor: ~Copyable, Sendable {
  private let handle: Int32
  /// The path it was opened by, for messages.
  package let path: String

  /// Opens a regular file for reading, or one that a link leads to.
  ///
  /// - Throws: `FileError`, also for a folder, a pipe and a device.
  package init(reading path: String) throws {
    // A pipe without a writer would be waited for; files do not know the flag.
    handle = RawName.withPath(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    self.path = path
    guard handle >= 0 else { throw FileError("read", path) }
    var status = stat()
    guard fstat(handle, &status) == 0 else { throw FileError("read", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw FileError("read", path, code: isFolder ? EISDIR : ESPIPE)
    }
  }

  /// Creates an empty file, or empties an existing one.
  package init(creating path: String) throws {
    handle = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    self.path = path
    guard handle >= 0 else { throw FileError("create", path) }
  }

  /// Opens a file to write at its end, creating it where there is none.
  package init(appending path: String) throws {
    handle = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    self.path = path
    guard handle >= 0 else { throw FileError("write", path) }
    _ = lseek(handle, 0, SEEK_END)
  }

  /// Opens a device or a named pipe to write from beginning to end; a pipe waits for its reader.
  init(writingThrough path: String) throws {
    handle = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    self.path = path
    guard handle >= 0 else { throw FileError("write", path) }
  }

  /// Writes on where another open file of the process stands, as standard output.
  init(duplicating number: Int32, path: String) throws {
    handle = fcntl(number, F_DUPFD_CLOEXEC, 0)
    self.path = path
    guard handle >= 0 else { throw FileError("write", path) }
  }

  deinit { _ = close(handle) }

  /// The file's length in bytes.
  package func length() throws -> Int {
    var status = stat()
    guard fstat(handle, &status) == 0 else { throw FileError("read", path) }
    return Int(status.st_size)
  }

  /// Fills `bytes` from `offset` on; returns how many bytes there were before the file's end.
  package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    var done = 0
    while done < bytes.count {
      let got = pread(handle, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if got == 0 { break }
      if got < 0 {
        if errno == EINTR { continue }
        throw FileError("read", path)
      }
      done += got
    }
    return done
  }

  /// Writes all of `bytes` at the current position.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard writeWhole(handle, bytes) else { throw FileError("write", path) }
  }

  /// Appends `text` whole or not at all: after a failure the file is as long as it was before.
  ///
  /// - Throws: `FileError` with the path and the system's reason, as where the disk is full.
  package func append(_ text: String) throws { try append(Array(text.utf8)) }

  /// Appends bytes whole or not at all: after a failure the file is as long as it was before.
  package func append(_ bytes: [UInt8]) throws {
    let before = try length()
    do {
      try bytes.withUnsafeBytes { try write($0) }
    } catch {
      _ = ftruncate(handle, off_t(before))
      throw error
    }
  }

  /// Cuts the file off behind its first `length` bytes.
  package func truncate(to length: Int) throws {
    guard ftruncate(handle, off_t(length)) == 0 else { throw FileError("write", path) }
  }

  /// Lets the system forget the pages it keeps of the file, so that reading it asks the disk. What is not on the disk yet
  /// stays; systems without the call keep everything.
  func forgetCachedPages() {
    #if !canImport(Darwin)
      _ = posix_fadvise(handle, 0, 0, POSIX_FADV_DONTNEED)
    #endif
  }

  /// Waits until the bytes are on the disk.
  package func synchronize() throws {
    guard fsync(handle) == 0 else { throw FileError("write", path) }
  }
}

/// The whole content of a file, refused above `limit` bytes.
package func readFile(_ path: String, limit: Int = 1 << 30) throws -> [UInt8] {
  let file = try FileDescriptor(reading: path)
  let length = try file.length()
  guard length <= limit else { throw FileError("read", path, code: EFBIG) }
  return try [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
  }
}
