#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The system refused to read or write a file.
public struct FileError: ReportableError, Equatable {
  /// What was attempted, as a verb: "read", "write", "create".
  public let action: String
  /// The file or folder.
  public let path: String
  /// The system's error number.
  public let code: Int32

  /// An error of the system call that failed just now, unless `code` names another one.
  public init(_ action: String, _ path: String, code: Int32 = errno) {
    self.action = action
    self.path = path
    self.code = code
  }

  /// I/O, whatever the number.
  public var category: ErrorCategory { .inputOutput }

  /// One line with the path, the system's words and what to try.
  public var description: String {
    oneLine("cannot \(action) \(path): \(String(cString: strerror(code)))\(advice)")
  }

  private var advice: String {
    switch code {
    case ENOENT: "; check the path"
    case ENOTDIR: "; a part of the path is a file, expected folders"
    case EACCES, EPERM, EROFS: "; check the permissions or choose another folder"
    case ENOSPC, EDQUOT: "; free some space or choose another folder"
    case EFBIG where action == "write": "; raise the limit on the size of files (ulimit -f)"
    case ESPIPE: "; it is a pipe or a device, expected a file"
    default: ""
    }
  }
}
