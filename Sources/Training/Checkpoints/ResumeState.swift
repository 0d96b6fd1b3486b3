import Files
import MXCompute

/// Where an interrupted run goes on: weights, moments, what the remedies keep, counters and the place in the data in one
/// file, so that no kill can leave halves that do not belong together. Random numbers need no state: they are functions of
/// the step.
struct ResumeState: BitwiseCopyable {
  /// The epochs that are done.
  var epoch = 0
  /// The steps that are done.
  var step = 0
  /// The batch of the running epoch that comes next.
  var nextBatch = 0
  /// The best top-1 so far, in percent.
  var bestTop1 = -1.0
  /// Evaluations since that one.
  var evaluationsSinceBest = 0
  /// Wall-clock seconds spent.
  var seconds = 0.0
  /// Training images seen, and the seconds spent on them, without evaluations, in the epochs that are done.
  var trainedImages = 0
  var trainedSeconds = 0.0
  /// What the running epoch has added up so far.
  var sums = Meter.Sums()

  /// Writes the state beside that of a training, within `TrainingStep.withWholeState`.
  ///
  /// - Parameter place: how the finished file takes its place (`writeSafetensors`).
  func write(
    _ path: String, _ training: TrainingStep, _ recorder: OscillationRecorder, _ origin: RunOrigin,
    place: @escaping (_ finished: String) throws -> Void
  ) throws {
    let statistics = recorder.state
    try writeSafetensors(
      path, tensors: training.state.flatMap(training.tensors) + statistics.tensors,
      metadata: [
        "epoch": "\(epoch)", "step": "\(step)", "next_batch": "\(nextBatch)",
        "best_top1": "\(bestTop1)", "evaluations_since_best": "\(evaluationsSinceBest)",
        "seconds": "\(seconds)", "trained_images": "\(trainedImages)",
        "trained_seconds": "\(trainedSeconds)", "epoch_score": sums.epoch.text,
        "interval_score": sums.interval.text, "previous_score": sums.previous.text,
        "epoch_steps": "\(sums.steps)", "epoch_seconds": "\(sums.seconds)",
        "epoch_waited": "\(sums.waited)",
        "remedy_counts": training.remedies.flatMap(\.counts).map(String.init)
          .joined(separator: " "),
      ].merging(origin.metadata) { $1 }.merging(statistics.metadata) { $1 }, checksum: true,
      place: place)
  }

  /// Reads a state and fills that of a training of the same shape and method, but for shards, which
  /// `TrainingStep.spreadShards` fills.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  static func read(_ file: SafetensorsFile, into training: TrainingStep) throws -> ResumeState {
    let table = training.model.parameters
    for kept in training.state {
      let prefix = "\(kept.name)."
      if kept.shard == nil {
        try table.load(from: file, into: kept.buffer, prefix: prefix)
      } else {
        try table.check(file, prefix: prefix)
      }
    }
    func value<Value>(
      _ key: String, _ expected: String, _ read: (String) -> Value?
    ) throws -> Value {
      guard let value = file.metadata[key].flatMap(read) else {
        throw file.error(.metadata(key: key, found: file.metadata[key], expected: expected))
      }
      return value
    }
    func number(_ key: String) throws -> Double { try value(key, "a number", Double.init) }
    func count(_ key: String) throws -> Int {
      try value(key, "a count") { Int($0).flatMap { $0 >= 0 ? $0 : nil } }
    }
    func score(_ key: String) throws -> BatchScore {
      try value(key, "a sum of losses and three counts", BatchScore.init)
    }
    var state = ResumeState(
      epoch: try count("epoch"), step: try count("step"), bestTop1: try number("best_top1"),
      seconds: try number("seconds"), trainedImages: try count("trained_images"),
      trainedSeconds: try number("trained_seconds"))
    // Versions without early stopping counted none.
    if file.metadata["evaluations_since_best"] != nil {
      state.evaluationsSinceBest = try count("evaluations_since_best")
    }
    // Nor did they keep counts of remedies.
    var counts = (file.metadata["remedy_counts"] ?? "").split(separator: " ").compactMap { Int($0) }
    for remedy in training.remedies where remedy.counts.count <= counts.count {
      remedy.counts = Array(counts.prefix(remedy.counts.count))
      counts.removeFirst(remedy.counts.count)
    }
    guard hasPlaceInEpoch(file) else { return state }
    state.nextBatch = try count("next_batch")
    state.sums = Meter.Sums(
      epoch: try score("epoch_score"), interval: try score("interval_score"),
      previous: try score("previous_score"), steps: try count("epoch_steps"),
      waited: try number("epoch_waited"), seconds: try number("epoch_seconds"))
    return state
  }

  /// Whether a file says where in an epoch it was written; those of versions that saved between epochs only do not.
  static func hasPlaceInEpoch(_ file: SafetensorsFile) -> Bool {
    file.metadata["next_batch"] != nil
  }

  /// Up to which step the metrics hold lines: that of a last step of an epoch comes with the evaluation, and so after a
  /// checkpoint that a stop makes between the two.
  func lastLoggedStep(stepsPerEpoch: Int) -> Int {
    nextBatch == stepsPerEpoch ? step - 1 : step
  }
}

extension BatchScore {
  /// As text that gives the same bits again.
  fileprivate var text: String { "\(loss) \(top1) \(top5) \(count)" }

  fileprivate init?(_ text: String) {
    let words = text.split(separator: " ")
    guard words.count == 4, let loss = Double(words[0]), let top1 = Int(words[1]),
      let top5 = Int(words[2]), let count = Int(words[3])
    else { return nil }
    self.init()
    (self.loss, self.top1, self.top5, self.count) = (loss, top1, top5, count)
  }
}
