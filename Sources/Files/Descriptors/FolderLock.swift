#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The right to write to a folder, which one process at a time has, on this machine or another.
///
/// The lock is advisory (flock) on a file `.lock`: the system takes it back however its holder dies, and programs that the
/// holder starts do not inherit it. The file is removed with the lock, and means nothing where a kill leaves it behind.
package final class FolderLock: Sendable {
  /// What came of an attempt.
  package enum Attempt: Sendable {
    /// This process may write, and nobody else while the lock lives.
    case held(FolderLock)
    /// Another process may: its number and machine, as far as it has said.
    case taken(by: String)
    /// The file system cannot lock, or nobody may write there: why.
    case impossible(FileError)
  }

  /// What the file is called.
  package static let name = ".lock"

  private let handle: Int32
  private let path: String

  private init(handle: Int32, path: String) { (self.handle, self.path) = (handle, path) }

  deinit {
    // A folder that was moved away in the meantime may have left its name to another one.
    if Self.isFile(handle, at: path) { unlink(path) }
    _ = close(handle)
  }

  /// Tries to lock a folder that is there, without waiting.
  package static func attempt(_ folder: String) -> Attempt {
    let path = "\(folder)/\(name)"
    while true {
      let handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
      guard handle >= 0 else { return .impossible(FileError("lock", path)) }
      if flock(handle, LOCK_EX | LOCK_NB) != 0 {
        let code = errno
        defer { _ = close(handle) }
        if code == EINTR { continue }
        return code == EWOULDBLOCK
          ? .taken(by: holder(handle)) : .impossible(FileError("lock", path, code: code))
      }
      // Its last holder may have removed the file since it was opened here: the next one will lock another.
      guard isFile(handle, at: path) else {
        _ = close(handle)
        continue
      }
      sign(handle)
      return .held(FolderLock(handle: handle, path: path))
    }
  }

  /// Whether a path still leads to an open file.
  private static func isFile(_ handle: Int32, at path: String) -> Bool {
    var (opened, found) = (stat(), stat())
    return fstat(handle, &opened) == 0 && lstat(path, &found) == 0
      && (opened.st_dev, opened.st_ino) == (found.st_dev, found.st_ino)
  }

  /// Writes down who holds the lock, for messages alone.
  private static func sign(_ handle: Int32) {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    var text = "process \(getpid()) on \(host)"
    _ = ftruncate(handle, 0)
    _ = text.withUTF8 { writeWhole(handle, UnsafeRawBufferPointer($0)) }
  }

  private static func holder(_ handle: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 320)
    let count = pread(handle, &bytes, bytes.count, 0)
    return count > 0
      ? oneLine(String(decoding: bytes.prefix(count), as: UTF8.self)) : "another process"
  }
}
