import Files
import MXCompute
import MXRuntime

/// What came out of a run: `summary.json`.
package struct RunSummary: Sendable, Equatable {
  /// The method's and the engine's names.
  package internal(set) var method = "", engine = ""
  /// The last evaluation: top-1 and top-5 in percent, mean cross entropy.
  package internal(set) var evalTop1 = 0.0, evalTop5 = 0.0, evalLoss = 0.0
  /// The mean training loss of the last epoch; nil in summaries of earlier versions.
  package internal(set) var trainLoss: Double?
  /// The best top-1 of all evaluations; -1 before the first.
  package internal(set) var bestTop1 = 0.0
  /// Training images a second, without evaluations.
  package internal(set) var imagesPerSecond = 0.0
  /// The largest resident memory of the process, in MiB.
  package internal(set) var peakMemoryMB = 0.0
  /// What that was expected to be before the run, in MiB; nil in summaries of versions that did not ask.
  package internal(set) var estimatedMemoryMB: Double?
  /// Wall-clock seconds, with evaluations.
  package internal(set) var seconds = 0.0
  /// Trainable parameters.
  package internal(set) var parameters = 0
  /// The seed.
  package internal(set) var seed = 0
  /// Epochs and steps.
  package internal(set) var epochs = 0, steps = 0
  /// Whether it ended before its last epoch, as `training.patience` says; nil in summaries of earlier versions.
  package internal(set) var stoppedEarly: Bool?
  /// Images that could not be read and were left out.
  package internal(set) var skippedImages = 0
  /// The first twenty of them by name.
  package internal(set) var skippedNames: [String] = []
  /// Threads, which change the speed and nothing else.
  package internal(set) var threads = 0
  /// The instruction set, likewise.
  package internal(set) var isa = ""
  /// The SHA-256 of the weights as they lie in `last.safetensors`; nil in summaries of earlier versions.
  package internal(set) var weightsSHA256: String?
  /// Of the weights, means over the windows of statistics in the second half of training: r(W_Q), r(Y) and the share
  /// with R_w > 16. Nil where nothing was measured.
  package internal(set) var rateOfChangeQuantizedWeight, rateOfChangeOutput: Double?
  package internal(set) var oscillatingShare: Double?
  /// The version of the program that finished the run; nil in summaries of versions that did not say.
  package internal(set) var version: String?

  /// What a reader fills.
  init(empty: ()) {}

  init(
    recipe: Recipe, score: BatchScore, state: ResumeState, parameters: Int, weightsSHA256: String,
    memory: Double, skipped: [String], compute: any Compute, metrics: [MetricsRecord]
  ) {
    func mean(_ metric: Metric) -> Double? { metrics.lateMean(metric, steps: state.step) }
    (method, engine) = (recipe.method.rawValue, recipe.linear.engineName(asked: recipe.engine))
    (evalTop1, evalTop5, evalLoss) = (score.top1Percent, score.top5Percent, score.meanLoss)
    (trainLoss, bestTop1) = (Self.trainLoss(metrics), state.bestTop1)
    imagesPerSecond =
      state.trainedSeconds > 0 ? Double(state.trainedImages) / state.trainedSeconds : 0
    (peakMemoryMB, estimatedMemoryMB) = (ProcessUsage.peakMemory, memory)
    (seconds, self.parameters, seed) = (state.seconds, parameters, recipe.seed)
    (epochs, steps) = (state.epoch, state.step)
    stoppedEarly = state.epoch < recipe.training.epochs
    (skippedImages, skippedNames) = (skipped.count, Array(skipped.prefix(20)))
    (threads, isa) = (compute.threads, compute.name)
    self.weightsSHA256 = weightsSHA256
    rateOfChangeQuantizedWeight = mean(.quantizedWeightRate)
    (rateOfChangeOutput, oscillatingShare) = (mean(.outputRate), mean(.oscillatingShare))
    version = Version.current
  }

  /// The mean over the last epoch: the loss of each line of metrics is that of the steps since the line before.
  private static func trainLoss(_ metrics: [MetricsRecord]) -> Double? {
    guard let epoch = metrics.last?.epoch else { return nil }
    var (sum, steps, before) = (0.0, 0, 0)
    for record in metrics {
      defer { before = record.step }
      guard record.epoch == epoch, let loss = record[.trainLoss] else { continue }
      sum += loss * Double(record.step - before)
      steps += record.step - before
    }
    return steps > 0 ? sum / Double(steps) : nil
  }
}
