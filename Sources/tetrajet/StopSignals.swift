import Files
import Foundation
import Synchronization
import Training

/// The signals that people, shells and schedulers send to a training, as requests to it.
///
/// SIGINT, SIGTERM, and SIGHUP where it is not ignored (as under nohup), ask to stop. While there is a run to save, the first
/// one is passed on and a second one ends the process at once, which costs what came after the last checkpoint and
/// nothing else. A second SIGHUP does not: a closing terminal sends it, and then its shell does. SIGUSR1, a scheduler's warning, asks to
/// save and to go on.
enum StopSignals {
  /// What signals ask.
  static let request = RunRequest()
  /// The first signal that asked to stop; 0 before.
  private static let received = Atomic<Int32>(0)
  /// Whether there is something to save before the process ends.
  private static let isRunning = Atomic<Bool>(false)
  /// By which this process asks those that it has started to stop; -1 where there are none.
  private static let lifeline = Atomic<Int32>(-1)

  /// The exit status that stands for the signal that came: 129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM or none.
  static var status: Int32 {
    let number = received.load(ordering: .relaxed)
    return 128 + (number == 0 ? SIGTERM : number)
  }

  /// Begins to listen: to signals, and to the process that started this one, if it holds a `Lifeline` to it.
  ///
  /// - Parameter lifeline: passes a request on to the processes that this one starts.
  static func install(passingOnTo lifeline: Lifeline? = nil) {
    // Made before a handler can ask for it: a handler must not allocate.
    _ = request
    if let lifeline { Self.lifeline.store(lifeline.nearEnd, ordering: .relaxed) }
    for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] {
      let previous = signal(number, Self.handler)
      if number == SIGHUP, isIgnored(previous) { signal(number, SIG_IGN) }
    }
    // A parent that starts processes from a thread of a pool hands down that pool's mask, under which nothing arrives.
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    if let farEnd = Self.farEnd { Thread.detachNewThread { obey(farEnd) } }
  }

  /// Says that from now on there is something to save.
  static func begin() { isRunning.store(true, ordering: .relaxed) }

  /// Whether another run of this command has started this one and waits for it.
  static var isAttached: Bool { farEnd != nil }

  private static let farEnd = Lifeline.farEnd(
    ProcessInfo.processInfo.environment[Lifeline.variable])

  /// Does what the process at the other end wants. This is no signal: a terminal may send one to both, sooner or later than
  /// that is passed on, and it is the first one all the same.
  private static func obey(_ farEnd: Int32) {
    let first = Lifeline.next(farEnd, isAsked: false)
    stop()
    guard first == .stop else { return }
    _ = Lifeline.next(farEnd, isAsked: true)
    // It was asked for twice there, and nobody waits here any more.
    end(status)
  }

  // Only what is safe in a signal handler: atomic operations, `write` and `_exit`.
  private static let handler: @convention(c) (Int32) -> Void = { number in
    if number == SIGUSR1 {
      request.save()
    } else if received.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged {
      stop()
    } else if number != SIGHUP {
      end(128 + number)
    }
  }

  private static func end(_ status: Int32) -> Never {
    StatusLine.leave()
    _exit(status)
  }

  /// Asks to stop, and passes that on; where there is nothing to save, ends the process.
  private static func stop() {
    if !isRunning.load(ordering: .relaxed) { end(status) }
    request.stop()
    let nearEnd = lifeline.load(ordering: .relaxed)
    if nearEnd >= 0 { Lifeline.ask(nearEnd) }
  }

  private static func isIgnored(_ previous: (@convention(c) (Int32) -> Void)?) -> Bool {
    unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
