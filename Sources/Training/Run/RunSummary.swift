import Files
import Foundation
import MXCompute
import MXRuntime

/// What came out of a run: `summary.json`.
package struct RunSummary: Codable, Sendable, Equatable {
  /// The method's and the engine's names.
  package var method, engine: String
  /// The last evaluation: top-1 and top-5 in percent, mean cross entropy.
  package var evalTop1, evalTop5, evalLoss: Double
  /// The mean training loss of the last epoch; nil in summaries of earlier versions.
  package var trainLoss: Double?
  /// The best top-1 of all evaluations.
  package var bestTop1: Double
  /// Training images a second, without evaluations.
  package var imagesPerSecond: Double
  /// The largest resident memory of the process, in MiB.
  package var peakMemoryMB: Double
  /// What that was expected to be before the run, in MiB; nil in summaries of versions that did not ask.
  package var estimatedMemoryMB: Double?
  /// Wall-clock seconds, with evaluations.
  package var seconds: Double
  /// Trainable parameters.
  package var parameters: Int
  /// The seed.
  package var seed: Int
  /// Epochs and steps.
  package var epochs, steps: Int
  /// Whether it ended before its last epoch, as `training.patience` says; nil in summaries of earlier versions.
  package var stoppedEarly: Bool?
  /// Images that could not be read and were left out.
  package var skippedImages: Int
  /// The first twenty of them by name.
  package var skippedNames: [String]
  /// Threads, which change the speed and nothing else.
  package var threads: Int
  /// The instruction set, likewise.
  package var isa: String
  /// The SHA-256 of the weights as they lie in `last.safetensors`; nil in summaries of earlier versions.
  package var weightsSHA256: String?
  /// Of the weights, means over the windows of statistics in the second half of training: r(W_Q), r(Y) and the share
  /// with R_w > 16. Nil where nothing was measured.
  package var rateOfChangeQuantizedWeight, rateOfChangeOutput, oscillatingShare: Double?
  /// The version of the program that finished the run; nil in summaries of versions that did not say.
  package var version: String?

  enum CodingKeys: String, CodingKey {
    case method, engine, seconds, parameters, seed, epochs, steps, threads, isa, version
    case stoppedEarly = "stopped_early"
    case evalTop1 = "eval_top1"
    case evalTop5 = "eval_top5"
    case evalLoss = "eval_loss"
    case trainLoss = "train_loss"
    case bestTop1 = "best_top1"
    case imagesPerSecond = "images_per_second"
    case peakMemoryMB = "peak_memory_mb"
    case estimatedMemoryMB = "estimated_memory_mb"
    case skippedImages = "skipped_images"
    case skippedNames = "skipped_names"
    case rateOfChangeQuantizedWeight = "rate_of_change_quantized_weight"
    case rateOfChangeOutput = "rate_of_change_output"
    case oscillatingShare = "oscillating_share"
    case weightsSHA256 = "weights_sha256"
  }

  func write(_ path: String) throws {
    let text = try Self.json(self, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try writeFileAtomically(path, text: text + "\n")
  }

  /// The summary on one line, with the run's folder as `output` where it is told.
  package func line(output: String?) throws -> String {
    try Self.json(Located(summary: self, output: output), [.sortedKeys, .withoutEscapingSlashes])
  }

  private struct Located: Encodable {
    let summary: RunSummary
    let output: String?

    private enum CodingKeys: CodingKey { case output }

    func encode(to encoder: any Encoder) throws {
      try summary.encode(to: encoder)
      var members = encoder.container(keyedBy: CodingKeys.self)
      try members.encodeIfPresent(output, forKey: .output)
    }
  }

  /// JSON has no NaN; every number here is finite, or the run would have stopped.
  private static func json(
    _ value: some Encodable, _ format: JSONEncoder.OutputFormatting
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = format
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

extension RunSummary {
  /// Reads a summary.
  ///
  /// - Throws: `FileError`; a decoding error where the file is not a summary, or one that no run writes.
  package init(path: String) throws {
    let bytes = try readFile(path, limit: 1 << 20)
    self = try JSONDecoder().decode(RunSummary.self, from: Data(bytes))
    guard isPlausible else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "\(path): no run writes such numbers"))
    }
  }

  /// Whether everything is within what a run can write.
  private var isPlausible: Bool {
    let numbers: [(CodingKeys, Double?)] = [
      (.evalTop1, evalTop1), (.evalTop5, evalTop5), (.evalLoss, evalLoss),
      (.trainLoss, trainLoss),
      (.imagesPerSecond, imagesPerSecond), (.peakMemoryMB, peakMemoryMB),
      (.estimatedMemoryMB, estimatedMemoryMB), (.seconds, seconds),
      (.rateOfChangeQuantizedWeight, rateOfChangeQuantizedWeight),
      (.rateOfChangeOutput, rateOfChangeOutput), (.oscillatingShare, oscillatingShare),
    ]
    return numbers.allSatisfy { key, value in
      value.map { MetricsLimits.allow($0, for: key.rawValue) } ?? true
    }
      // Before the first evaluation it is -1.
      && (-1...100).contains(bestTop1)
      && [parameters, epochs, steps, skippedImages, threads].allSatisfy(MetricsLimits.allow(count:))
      && [method, engine, isa].allSatisfy { $0.utf8.count <= 200 && oneLine($0) == $0 }
  }

  init(
    recipe: Recipe, score: BatchScore, state: ResumeState, parameters: Int, weightsSHA256: String,
    memory: Double, skipped: [String], compute: any Compute, metrics: [MetricsRecord]
  ) {
    func mean(_ metric: Metric) -> Double? { metrics.lateMean(metric, steps: state.step) }
    self.init(
      method: recipe.method.rawValue, engine: recipe.linear.engineName(asked: recipe.engine),
      evalTop1: score.top1Percent,
      evalTop5: score.top5Percent, evalLoss: score.meanLoss,
      trainLoss: Self.trainLoss(metrics), bestTop1: state.bestTop1,
      imagesPerSecond: state.trainedSeconds > 0
        ? Double(state.trainedImages) / state.trainedSeconds : 0,
      peakMemoryMB: ProcessUsage.peakMemory, estimatedMemoryMB: memory, seconds: state.seconds,
      parameters: parameters,
      seed: recipe.seed, epochs: state.epoch, steps: state.step,
      stoppedEarly: state.epoch < recipe.training.epochs, skippedImages: skipped.count,
      skippedNames: Array(skipped.prefix(20)), threads: compute.threads, isa: compute.name,
      weightsSHA256: weightsSHA256,
      rateOfChangeQuantizedWeight: mean(.quantizedWeightRate),
      rateOfChangeOutput: mean(.outputRate), oscillatingShare: mean(.oscillatingShare),
      version: Version.current)
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
