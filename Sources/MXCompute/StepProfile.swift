import Synchronization

/// What the time of a training step is spent on.
package enum StepPart: String, CaseIterable, Sendable {
  /// The three products of the linear layers.
  case product
  /// The six quantizers.
  case quantizer
  /// Attention between its projections.
  case attention
  /// Layer norms.
  case norm
  /// GELU and its gradient.
  case gelu
  /// The optimizer.
  case optimizer
  /// What calms oscillating weights.
  case remedy
  /// Waiting for other ranks, and for gradients that are on their way to them and back.
  case exchange
}

/// Adds up wall-clock seconds by the parts of a training step.
package final class StepProfile {
  private var seconds: [StepPart: Double] = [:]
  private let clock = ContinuousClock()

  /// An empty profile.
  package init() {}

  /// Runs `body` and adds its time to a part. Parts do not nest.
  package func measure<Result>(_ part: StepPart, _ body: () throws -> Result) rethrows -> Result {
    let start = clock.now
    defer { seconds[part, default: 0] += start.duration(to: clock.now).inSeconds }
    return try body()
  }

  /// Shares the time of something that went on on several threads out to the parts, as the threads spent theirs.
  func share(_ duration: Duration, as parts: [Duration]) {
    let sum = parts.reduce(0) { $0 + $1.inSeconds }
    guard sum > 0 else { return }
    for (part, time) in zip(StepPart.allCases, parts) {
      seconds[part, default: 0] += duration.inSeconds * time.inSeconds / sum
    }
  }

  /// The seconds spent on a part so far.
  package subscript(part: StepPart) -> Double { seconds[part, default: 0] }
}

extension StepProfile? {
  /// Runs `body`, measured where there is a profile.
  package func measure<Result>(_ part: StepPart, _ body: () throws -> Result) rethrows -> Result {
    if let self { try self.measure(part, body) } else { try body() }
  }
}

/// Adds up what threads spend on the parts of work in which these take turns.
final class WorkClock: Sendable {
  private let start = ContinuousClock.now
  private let parts = Mutex([Duration](repeating: .zero, count: StepPart.allCases.count))

  /// The work begins.
  init() {}

  var now: ContinuousClock.Instant { .now }

  /// A thread has worked on a part since then.
  func add(_ part: StepPart, since start: ContinuousClock.Instant?) {
    guard let start else { return }
    let time = start.duration(to: .now)
    parts.withLock { $0[StepPart.allCases.firstIndex(of: part)!] += time }
  }

  /// The work is done: its parts enter a profile.
  func finish(into profile: StepProfile?) {
    profile?.share(start.duration(to: .now), as: parts.withLock { $0 })
  }
}
