/// What the time of a training step is spent on.
public enum StepPart: String, CaseIterable, Sendable {
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
}

/// Adds up wall-clock seconds by the parts of a training step.
public final class StepProfile {
  private var seconds: [StepPart: Double] = [:]
  private let clock = ContinuousClock()

  /// An empty profile.
  public init() {}

  /// Runs `body` and adds its time to a part. Parts do not nest.
  public func measure<Result>(_ part: StepPart, _ body: () throws -> Result) rethrows -> Result {
    let start = clock.now
    defer { seconds[part, default: 0] += start.duration(to: clock.now).inSeconds }
    return try body()
  }

  /// The seconds spent on a part so far.
  public subscript(part: StepPart) -> Double { seconds[part, default: 0] }
}

extension StepProfile? {
  /// Runs `body`, measured where there is a profile.
  public func measure<Result>(_ part: StepPart, _ body: () throws -> Result) rethrows -> Result {
    if let self { try self.measure(part, body) } else { try body() }
  }
}
