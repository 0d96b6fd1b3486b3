import Foundation
import Synchronization
import Training

/// SIGINT and SIGTERM, and SIGHUP where it is not ignored (as under nohup), as a request to stop: the first one is passed
/// on, a second one ends the process at once, which costs what came after the last checkpoint and nothing else.
enum StopSignals {
  /// What a signal asks to stop.
  static let request = StopRequest()
  private static let received = Atomic<Int32>(0)

  /// The exit status that stands for the signal that came: 130 for SIGINT, 143 for SIGTERM.
  static var status: Int32 { 128 + received.load(ordering: .relaxed) }

  /// Begins to listen.
  static func install() {
    // Made before a handler can ask for it: a handler must not allocate.
    _ = request
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let previous = signal(number, Self.handler)
      if number == SIGHUP, isIgnored(previous) { signal(number, SIG_IGN) }
    }
    // A parent that starts processes from a thread of a pool hands down that pool's mask, under which nothing arrives.
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }

  // Only what is safe in a signal handler: two atomic operations, and `_exit`.
  private static let handler: @convention(c) (Int32) -> Void = { number in
    if received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
    request.request()
  }

  private static func isIgnored(_ previous: (@convention(c) (Int32) -> Void)?) -> Bool {
    unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
