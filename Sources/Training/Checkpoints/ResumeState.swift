import Runtime

/// Where an interrupted run goes on: weights, moments, what the remedies keep and counters in one file, so that no kill
/// can leave halves that do not belong together. Random numbers need no state: they are functions of the step.
struct ResumeState {
  /// The epochs that are done.
  var epoch = 0
  /// The steps that are done.
  var step = 0
  /// The best top-1 so far, in percent.
  var bestTop1 = -1.0
  /// Wall-clock seconds spent.
  var seconds = 0.0
  /// Training images seen, and the seconds spent on them, without evaluations.
  var trainedImages = 0
  var trainedSeconds = 0.0

  /// Writes the state beside that of a training.
  func write(_ path: String, _ training: TrainingStep) throws {
    let table = training.model.parameters
    try writeSafetensors(
      path,
      tensors: training.state.flatMap { table.tensors(of: $0.buffer, prefix: "\($0.name).") },
      metadata: [
        "epoch": "\(epoch)", "step": "\(step)", "best_top1": "\(bestTop1)", "seconds": "\(seconds)",
        "trained_images": "\(trainedImages)", "trained_seconds": "\(trainedSeconds)",
      ])
  }

  /// Reads a state and fills that of a training of the same shape and method.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  static func read(_ path: String, into training: TrainingStep) throws -> ResumeState {
    let file = try SafetensorsFile(path: path)
    let table = training.model.parameters
    for (name, buffer) in training.state {
      try table.load(from: file, into: buffer, prefix: "\(name).")
    }
    func number(_ key: String) throws -> Double {
      guard let value = file.metadata[key].flatMap(Double.init) else {
        throw file.error(.metadata(key: key, found: file.metadata[key], expected: "a number"))
      }
      return value
    }
    return ResumeState(
      epoch: try file.integerMetadata("epoch"), step: try file.integerMetadata("step"),
      bestTop1: try number("best_top1"), seconds: try number("seconds"),
      trainedImages: try file.integerMetadata("trained_images"),
      trainedSeconds: try number("trained_seconds"))
  }
}
