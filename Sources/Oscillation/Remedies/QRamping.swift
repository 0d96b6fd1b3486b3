import MXLinear
import Runtime

/// The adaptive ramping optimizer (the paper's Algorithm 2): now and then it finds out by a trial how much each weight
/// oscillates, and lets those that do wait for N_w gradients and then take one larger step on their mean.
///
/// R_w is inversely proportional to the learning rate: periods hold for the rate at which they were found. Where the
/// rate rises before the next detection, as within a warm-up by steps, nothing is detected and no weight waits.
///
/// The optimizer does the waiting; this is the detection.
public final class QRamping: Remedy {
  private let settings: RemedySettings.QRamping
  private let quantizer: WeightQuantizer
  private let periods: AlignedBuffer<Float>
  private var detectionSeconds = 0.0

  /// A period of 1 for every weight.
  public init(_ settings: RemedySettings.QRamping, _ quantizer: WeightQuantizer) {
    self.settings = settings
    self.quantizer = quantizer
    periods = AlignedBuffer(count: quantizer.count)
    periods.base.update(repeating: 1, count: quantizer.count)
  }

  /// N_w.
  public var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [("qramping.period", periods)]
  }
  /// N_w.
  public var updatePeriods: AlignedBuffer<Float>? { periods }

  /// The periods, and in a detection a window.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(
      kept: quantizer.bufferBytes, state: quantizer.bufferBytes, scratch: quantizer.scratchBytes,
      trial: MovementWindow.bytes(quantizer), ramps: true)
  }

  /// Every T_update steps, measures R_w over T0 steps of a trial and sets N_w from it.
  public func beforeStep(_ training: TrainingView, trial: TrialRun) throws {
    let every = settings.interval(stepsPerEpoch: training.stepsPerEpoch)
    guard training.step.isMultiple(of: every) else { return }
    let end = min(training.step + every, training.totalSteps)
    if training.learningRateRises(in: training.step..<max(training.step, end)) {
      periods.base.update(repeating: 1, count: quantizer.count)
      return
    }
    let start = ContinuousClock.now
    let window = MovementWindow(quantizer, arena: training.arena)
    window.begin(training.weights, averages: training.averages)
    try trial(settings.detectionSteps) { window.add($0.weights, averages: $0.averages) }
    let limit = settings.maximumPeriod > 0 ? settings.maximumPeriod : training.stepsPerEpoch
    for slice in quantizer.slices {
      for place in slice {
        periods.base[place] = Self.period(window.ratio(place), settings, limit: limit)
      }
    }
    detectionSeconds += start.duration(to: .now).inSeconds
  }

  /// N_w = min(k2·⌊R_w/k1⌋ + 1, N_max).
  public static func period(
    _ ratio: Float, _ settings: RemedySettings.QRamping, limit: Int
  ) -> Float {
    min(settings.k2 * (ratio / settings.k1).rounded(.down) + 1, Float(limit))
  }

  /// How many weights wait, how long the average one does, and what finding out took.
  public var report: [(key: String, value: Double)] {
    var (ramped, sum) = (0, 0.0)
    for slice in quantizer.slices {
      for place in slice {
        sum += Double(periods.base[place])
        if periods.base[place] > 1 { ramped += 1 }
      }
    }
    let count = Double(max(quantizer.weightCount, 1))
    return [
      ("qramping_ramped_share", Double(ramped) / count), ("qramping_mean_period", sum / count),
      ("qramping_detection_seconds", detectionSeconds),
    ]
  }
}
