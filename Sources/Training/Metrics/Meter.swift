import MXCompute
import MXRuntime

/// Loss and speed of an epoch, and of the interval since the last line of metrics.
struct Meter {
  /// What a checkpoint keeps of an epoch that is not over.
  struct Sums: BitwiseCopyable {
    /// Of the epoch, of the interval since the last line of metrics, and of the one before that.
    var epoch = BatchScore(), interval = BatchScore(), previous = BatchScore()
    /// Steps of the epoch so far.
    var steps = 0
    /// Seconds of the epoch so far in which training had no images, and all of them.
    var waited = 0.0, seconds = 0.0
  }

  private let clock = ContinuousClock()
  private let logEvery: Int
  private let start: ContinuousClock.Instant
  private var end: ContinuousClock.Instant?
  private var kept: Sums
  /// Images and seconds of the epoch before, as far as this process trained it.
  private var before = (images: 0, seconds: 0.0)

  /// A meter for an epoch.
  ///
  /// - Parameter sums: what an earlier process measured of it.
  init(logEvery: Int, continuing sums: Sums = Sums()) {
    self.logEvery = logEvery
    kept = sums
    start = clock.now
  }

  /// A meter for the epoch after this one.
  func next() -> Meter {
    var next = Meter(logEvery: logEvery)
    next.before = (images, seconds)
    return next
  }

  /// What has been added up until now.
  var sums: Sums {
    var sums = kept
    sums.seconds = seconds
    return sums
  }

  /// Counts a step.
  ///
  /// - Parameter waited: the seconds in which it had no images.
  mutating func add(_ score: BatchScore, waited: Double) {
    kept.epoch.add(score)
    kept.interval.add(score)
    kept.steps += 1
    kept.waited += waited
  }

  /// Steps of the epoch so far.
  var steps: Int { kept.steps }

  /// Whether a line of metrics is due after this step.
  var isDue: Bool { steps.isMultiple(of: logEvery) }

  /// Begins a new interval, once its line is written.
  mutating func closeInterval() {
    kept.previous = kept.interval
    kept.interval = BatchScore()
  }

  /// Ends the epoch's clock: what follows is not training.
  mutating func stop() { end = clock.now }

  /// The mean loss since the last line; of the interval before, where nothing has come since.
  var intervalLoss: Double {
    kept.interval.count > 0 ? kept.interval.meanLoss : kept.previous.meanLoss
  }
  /// The mean loss of the epoch.
  var epochLoss: Double { kept.epoch.meanLoss }
  /// Images of the epoch so far.
  var images: Int { kept.epoch.count }
  /// Seconds of the epoch so far.
  var seconds: Double { kept.seconds + start.duration(to: end ?? clock.now).inSeconds }
  /// The share of the epoch's time so far in which training waited for images, 0…1.
  var loaderWaitShare: Double { kept.waited / max(seconds, 1e-9) }
  /// Images a second of the epoch so far.
  var imagesPerSecond: Double { Double(images) / max(seconds, 1e-9) }
  /// Images a second of this epoch and the one before: what the rest of the run is reckoned by, since an epoch's first
  /// steps, which wait for the loader to get going, say little.
  var steadyImagesPerSecond: Double {
    Double(before.images + images) / max(before.seconds + seconds, 1e-9)
  }
}
