import Runtime

/// Loss and speed of an epoch, and of the interval since the last line of metrics.
struct Meter {
  private let clock = ContinuousClock()
  private let logEvery: Int
  private let start: ContinuousClock.Instant
  private var end: ContinuousClock.Instant?
  private var epoch = BatchScore()
  private var interval = BatchScore()
  private var previous = BatchScore()
  /// Steps of the epoch so far.
  private(set) var steps = 0
  /// Seconds of the epoch so far in which training had no images.
  private var waited = 0.0

  init(logEvery: Int) {
    self.logEvery = logEvery
    start = clock.now
  }

  mutating func add(_ score: BatchScore) {
    epoch.add(score)
    interval.add(score)
    steps += 1
  }

  /// What `body` returns; the time it takes is time spent waiting for images.
  mutating func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = clock.now
    defer { waited += start.duration(to: clock.now).inSeconds }
    return try body()
  }

  /// Whether a line of metrics is due after this step.
  var isDue: Bool { steps.isMultiple(of: logEvery) }

  /// Begins a new interval, once its line is written.
  mutating func closeInterval() {
    previous = interval
    interval = BatchScore()
  }

  /// Ends the epoch's clock: what follows is not training.
  mutating func stop() { end = clock.now }

  /// The mean loss since the last line; of the interval before, where nothing has come since.
  var intervalLoss: Double { interval.count > 0 ? interval.meanLoss : previous.meanLoss }
  /// The mean loss of the epoch.
  var epochLoss: Double { epoch.meanLoss }
  /// Images of the epoch so far.
  var images: Int { epoch.count }
  /// Seconds of the epoch so far.
  var seconds: Double { start.duration(to: end ?? clock.now).inSeconds }
  /// The share of the epoch's time so far in which training waited for images, 0…1.
  var loaderWaitShare: Double { waited / max(seconds, 1e-9) }
  /// Images a second of the epoch so far.
  var imagesPerSecond: Double { Double(images) / max(seconds, 1e-9) }
}
