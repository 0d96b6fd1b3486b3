#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A pipe between a process and those that it starts, by which they learn that they shall stop, or that it is gone.
///
/// Only this process holds the near end. A byte in the pipe, which nobody takes out, asks all who hold the far end to
/// stop; when the near end closes, which the system sees to however this process dies, nobody waits for them any more. (Linux
/// alone could send a signal instead, and would send it when the thread ends that started the process.)
package final class Lifeline: Sendable {
  /// What a process that holds the far end is told.
  package enum Event: Sendable {
    /// It shall stop when it has saved what it has.
    case stop
    /// Whoever started it is gone.
    case gone
  }

  /// The environment variable in which a process finds the number of its far end.
  package static let variable = "TETRAJET_LIFELINE"

  /// What processes inherit that are started from this one.
  package let farEnd: Int32
  /// What `ask` takes.
  package let nearEnd: Int32

  /// A new pipe.
  ///
  /// - Throws: `FileError` where the system has no more descriptors.
  package init() throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw FileError("create", "a pipe") }
    (farEnd, nearEnd) = (ends[0], ends[1])
    _ = fcntl(nearEnd, F_SETFD, FD_CLOEXEC)
  }

  deinit {
    _ = close(farEnd)
    _ = close(nearEnd)
  }

  /// Asks all processes that hold the far end to stop. A signal handler may call this.
  package static func ask(_ nearEnd: Int32) {
    let code = errno
    var byte: UInt8 = 1
    _ = write(nearEnd, &byte, 1)
    errno = code
  }

  /// The far end that a process was started with; nil if there is none.
  ///
  /// - Parameter variable: the environment variable's value.
  package static func farEnd(_ variable: String?) -> Int32? {
    guard let handle = variable.flatMap({ Int32($0) }) else { return nil }
    var status = stat()
    // A variable that came down a longer way names whatever has this number here.
    guard fstat(handle, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return nil }
    return handle
  }

  /// Waits at a far end for the next event.
  ///
  /// - Parameter isAsked: whether `stop` was returned before; it is returned once.
  package static func next(_ farEnd: Int32, isAsked: Bool) -> Event {
    var end = pollfd(fd: farEnd, events: isAsked ? 0 : Int16(POLLIN), revents: 0)
    while true {
      guard poll(&end, 1, -1) > 0 else { continue }
      return !isAsked && end.revents & Int16(POLLIN) != 0 ? .stop : .gone
    }
  }
}
