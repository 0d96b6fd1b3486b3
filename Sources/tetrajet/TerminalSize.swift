import Foundation
import Synchronization

/// How wide the terminal on standard error is, and when that changes.
enum TerminalSize {
  /// The columns now; 80 where the terminal does not know, or is gone.
  static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
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
