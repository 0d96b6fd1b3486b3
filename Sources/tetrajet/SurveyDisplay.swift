import Files
import Foundation
import MXRuntime
import Reports
import Synchronization

/// Shows on standard error how far a survey is: a bar that moves on a terminal, elsewhere a line at
/// the start, every ten seconds, and at the end.
final class SurveyDisplay: Sendable {
  private let canRedraw = Terminal.canRedraw
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  private struct State {
    var drawn = ContinuousClock.now
    var done = 0
  }

  init(_ description: String) { writeError("\(description)\n") }

  /// So many images have been looked at; may be called from any thread, and late.
  func progressed(_ done: Int, of total: Int) {
    state.withLock { state in
      guard done > state.done else { return }
      state.done = done
      let now = ContinuousClock.now
      // Ten times a second is as much as an eye can read.
      let pause: Duration = canRedraw ? .milliseconds(100) : .seconds(10)
      guard state.drawn.duration(to: now) > pause else { return }
      state.drawn = now
      let share = Double(done) / Double(total)
      let left = duration(seconds / share - seconds)
      if canRedraw {
        StatusLine.draw([
          .bar(share, rank: 1), .text("\(fixed(100 * share, 0)) %", rank: 4),
          .text("\(done) of \(counted(total, "image"))", rank: 2), .text("\(left) left", rank: 3),
        ])
      } else {
        writeError("\(done) of \(counted(total, "image")) looked at, \(left) left\n")
      }
    }
  }

  func finished() {
    let done = state.withLock { $0.done }
    writeError(
      "\(counted(done, "image")) looked at in \(duration(seconds)), "
        + "\(fixed(Double(done) / max(seconds, 1e-9), 0)) images/s\n")
  }

  private var seconds: Double { start.duration(to: .now).inSeconds }
}
