import MXCompute
import MXRuntime

/// The adaptive ramping optimizer (the paper's Algorithm 2): now and then it finds out by a trial how much each weight
/// oscillates, and lets those that do wait for N_w gradients and then take one larger step on their mean.
///
/// R_w is inversely proportional to the learning rate: periods hold for the rate at which they were found. Where the
/// rate rises before the next detection, as within a warm-up by steps, nothing is detected and no weight waits.
///
/// The optimizer does the waiting; this is the detection.
package final class QRamping: Remedy {
  private let settings: RemedySettings.QRamping
  private let quantizer: WeightQuantizer
  private let periods: AlignedBuffer<Float>
  private var detectionSeconds = 0.0

  /// A period of 1 for every weight.
  package init(_ settings: RemedySettings.QRamping, _ quantizer: WeightQuantizer) {
    self.settings = settings
    self.quantizer = quantizer
    periods = AlignedBuffer(repeating: 1, count: quantizer.count)
  }

  /// N_w.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [("qramping.period", periods)]
  }
  /// N_w.
  package var updatePeriods: AlignedBuffer<Float>? { periods }

  /// Every T_update steps, measures R_w over T0 steps of a trial and sets N_w from it.
  package func beforeStep(_ training: TrainingView, trial: TrialRun) throws {
    let every = settings.interval(
      stepsPerEpoch: training.stepsPerEpoch, totalSteps: training.totalSteps)
    guard training.step.isMultiple(of: every) else { return }
    let detects = settings.detects(
      before: training.step, stepsPerEpoch: training.stepsPerEpoch,
      totalSteps: training.totalSteps, learningRate: training.learningRate)
    guard detects else {
      training.compute.fill(periods.matrix(), with: 1)
      return
    }
    let start = ContinuousClock.now
    let window = MovementWindow(quantizer, training.compute, arena: training.arena)
    window.begin(training.weights, averages: training.averages)
    try trial(settings.detectionSteps(totalSteps: training.totalSteps)) {
      window.add($0.weights, averages: $0.averages)
    }
    let limit = settings.maximumPeriod > 0 ? settings.maximumPeriod : training.stepsPerEpoch
    training.compute.updatePeriods(
      RampingRule(k1: settings.k1, k2: settings.k2, limit: Float(limit)), window.track,
      into: periods, quantizer.slices)
    detectionSeconds += start.duration(to: .now).inSeconds
  }

  /// How many weights wait, how long the average one does, and what finding out took.
  package var report: [(key: String, value: Double)] {
    var (ramped, sum) = (0, 0.0)
    for slice in quantizer.slices {
      for place in slice {
        sum += Double(periods[place])
        if periods[place] > 1 { ramped += 1 }
      }
    }
    let count = Double(max(quantizer.weightCount, 1))
    return [
      ("qramping_ramped_share", Double(ramped) / count), ("qramping_mean_period", sum / count),
      ("qramping_detection_seconds", detectionSeconds),
    ]
  }
}

extension RemedySettings {
  /// `qramping.*` (the paper's Algorithm 2).
  package struct QRamping: Equatable, Sendable {
    /// Steps between two detections, T_update; 0 for an epoch.
    package var updateEvery = 0
    /// The same as a share of all steps, in its place; 0 for that. The paper's 1,251 of its 112,590 steps are 1/90.
    package var updateShare = 0.0
    /// Steps of a detection, T0.
    package var detectionSteps = 30
    /// The same as a share of all steps, in its place; 0 for that.
    package var detectionShare = 0.0
    /// k1 of N_w = min(k2·⌊R_w/k1⌋ + 1, N_max).
    package var k1: Float = 16
    /// k2.
    package var k2: Float = 5
    /// N_max; 0 for the steps of an epoch.
    package var maximumPeriod = 0

    /// Steps from one detection to the next.
    package func interval(stepsPerEpoch: Int, totalSteps: Int) -> Int {
      if updateShare > 0 { return max(1, RemedySettings.step(updateShare, of: totalSteps)) }
      return updateEvery > 0 ? updateEvery : stepsPerEpoch
    }

    /// Steps of a detection in a training of so many.
    package func detectionSteps(totalSteps: Int) -> Int {
      guard detectionShare > 0 else { return detectionSteps }
      return max(1, RemedySettings.step(detectionShare, of: totalSteps))
    }

    /// Whether periods are found out before a step at which they are due: not where the rate rises before the next one.
    package func detects(
      before step: Int, stepsPerEpoch: Int, totalSteps: Int, learningRate: (Int) -> Float
    ) -> Bool {
      let end = min(
        step + interval(stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps), totalSteps)
      return !(step..<max(step, end - 1)).contains { learningRate($0) < learningRate($0 + 1) }
    }
  }
}
