#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The system refused to read or write a file.
package struct FileError: ReportableError, Equatable {
  /// What was attempted, as a verb: "read", "write", "create".
  package let action: String
  /// The file or folder.
  package let path: String
  /// The system's error number.
  package let code: Int32

  /// An error of the system call that failed just now, unless `code` names another one.
  package init(_ action: String, _ path: String, code: Int32 = errno) {
    self.action = action
    self.path = path
    self.code = code
  }

  /// I/O, whatever the number.
  package var category: ErrorCategory { .inputOutput }

  /// One line with the path, the system's words and what to try.
  package var description: String {
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
