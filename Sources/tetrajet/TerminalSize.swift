import Foundation
import Synchronization

/// How large a terminal is, and when that changes.
enum TerminalSize {
  /// The columns of standard error's now; 80 where the terminal does not know, or is gone.
  static var columns: Int { columns(of: STDERR_FILENO) ?? 80 }

  /// The rows of standard error's now; 24 where the terminal does not know, or is gone.
  static var rows: Int { size(of: STDERR_FILENO).map { Int($0.ws_row) } ?? 24 }

  /// The columns of the terminal that a stream is; nil where it is none, or does not know.
  static func columns(of handle: Int32) -> Int? {
    size(of: handle).map { Int($0.ws_col) }
  }

  private static func size(of handle: Int32) -> winsize? {
    var size = winsize()
    guard ioctl(handle, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return size
  }

  /// Calls `body`, on a thread of its own, whenever the size changes; to be called once.
  static func onChange(_ body: @escaping @Sendable () -> Void) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // The handler must not wait for a thread that is busy.
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    nearEnd.store(ends[1], ordering: .relaxed)
    let farEnd = ends[0]
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(farEnd, &byte, 1)
        if count == 1 { body() } else if count == 0 || errno != EINTR { return }
      }
    }
    signal(SIGWINCH, handler)
  }

  private static let handler: @convention(c) (Int32) -> Void = { _ in
    let code = errno
    var byte: UInt8 = 1
    _ = write(nearEnd.load(ordering: .relaxed), &byte, 1)
    errno = code
  }

  private static let nearEnd = Atomic<Int32>(-1)
}
