import Files
import Foundation

/// A folder for what a command needs while it runs, removed with its owner.
///
/// Where a kill left one behind, the next of the same kind removes it: nobody holds its lock, and the process in its name
/// is gone.
final class TemporaryFolder {
  /// Where it is.
  let path: String
  private let lock: FolderLock?

  /// A new folder, under the system's folder for such, whose name begins with `kind` and a hyphen.
  ///
  /// - Throws: `FileError` where it cannot be made.
  init(_ kind: String) throws {
    let parent = FileManager.default.temporaryDirectory.path
    Self.removeForsaken(kind, in: parent)
    var template = Array("\(parent)/\(kind)-\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FileError("create", "\(parent)/\(kind)-…") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    lock = if case .held(let lock) = FolderLock.attempt(path) { lock } else { nil }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private static func removeForsaken(_ kind: String, in parent: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    for name in names where name.hasPrefix("\(kind)-") {
      let path = "\(parent)/\(name)"
      var status = stat()
      guard let owner = pid_t(name.dropFirst(kind.count + 1).prefix { $0.isNumber }), owner > 0,
        kill(owner, 0) != 0, errno == ESRCH,
        lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
        // A process in another container has its own numbers, but the lock is one.
        case .held(let lock) = FolderLock.attempt(path)
      else { continue }
      withExtendedLifetime(lock) { try? FileManager.default.removeItem(atPath: path) }
    }
  }
}
