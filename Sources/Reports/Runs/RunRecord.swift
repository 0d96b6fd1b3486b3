import Foundation
import Runtime
import Training

/// What a run folder says of its run, whatever state it is in: finished, under way, broken off, or written by another
/// version.
public struct RunRecord: Sendable {
  /// The folder.
  public let path: String
  /// Its recipe, key by key, as far as it can be read.
  public let settings: [String: String]
  /// The recipe's text.
  public let recipeText: String
  /// The metrics in the order of their lines, repeats of a step after a crash left out.
  public let metrics: [MetricsRecord]
  /// Lines of metrics.jsonl that are not JSON objects with a step.
  public let damagedLines: Int
  /// What came out; nil while nothing has.
  public let summary: RunSummary?
  /// Things a reader should know: unfinished, damaged, unknown keys.
  public let notes: [String]

  /// The last part of the folder's path.
  public var name: String { URL(fileURLWithPath: path).lastPathComponent }
  /// The method's name.
  public var method: String { summary?.method ?? settings["method"] ?? "unknown" }
  /// The seed, where it is known.
  public var seed: Int? { summary?.seed ?? settings["seed"].flatMap(Int.init) }
  /// The epochs that the recipe asks for.
  public var plannedEpochs: Int? { settings["training.epochs"].flatMap(Int.init) }
  /// The last accuracy that was measured, in percent.
  public var top1: Double? { summary?.evalTop1 ?? metrics.lazy.compactMap { $0["eval_top1"] }.last }
  /// The last loss that was measured.
  public var loss: Double? { summary?.evalLoss ?? metrics.lazy.compactMap { $0["eval_loss"] }.last }

  /// Reads a run folder.
  ///
  /// - Throws: `RunError.notARun` where there is neither a recipe nor metrics; `FileError`.
  public init(path: String) throws {
    let directory = RunDirectory(reading: path)
    let files = FileManager.default
    guard files.fileExists(atPath: directory.recipe) || files.fileExists(atPath: directory.metrics)
    else { throw RunError.notARun(path) }
    self.path = path
    var notes: [String] = []

    var text = ""
    var settings: [String: String] = [:]
    if files.fileExists(atPath: directory.recipe) {
      text = String(decoding: try readFile(directory.recipe), as: UTF8.self)
      do {
        let parsed = try RecipeSetting.parse(
          yaml: text, path: directory.recipe, allowsUnknownSections: true)
        settings = Dictionary(parsed.map { ($0.name, $0.text) }) { $1 }
        _ = try Recipe(settings: parsed)
      } catch {
        notes.append("recipe.yaml is from another version or damaged: \(error)")
      }
    } else {
      notes.append("recipe.yaml is missing")
    }
    (recipeText, self.settings) = (text, settings)

    var damaged = 0
    var metrics: [MetricsRecord] = []
    if files.fileExists(atPath: directory.metrics) {
      let lines = String(decoding: try readFile(directory.metrics), as: UTF8.self)
      for line in lines.split(separator: "\n") {
        guard let record = MetricsRecord(json: line) else {
          damaged += 1
          continue
        }
        // A run that was killed and resumed may have said a step twice: the later line holds.
        while let last = metrics.last, last.step >= record.step { metrics.removeLast() }
        metrics.append(record)
      }
    }
    (self.metrics, damagedLines) = (metrics, damaged)
    if damaged > 0 { notes.append("damaged lines of metrics.jsonl, left out: \(damaged)") }

    if files.fileExists(atPath: directory.summary) {
      summary = try? RunSummary(path: directory.summary)
      if summary == nil { notes.append("summary.json is from another version or damaged") }
    } else {
      summary = nil
      notes.append(
        Self.progress(metrics, planned: settings["training.epochs"].flatMap(Int.init))
          + Self.lastWritten(directory.metrics))
    }
    self.notes = notes
  }

  private static func progress(_ metrics: [MetricsRecord], planned: Int?) -> String {
    guard let last = metrics.last else {
      return "unfinished: stopped, or still running, before its first line of metrics"
    }
    let of = planned.map { " of \($0)" } ?? ""
    return "unfinished: stopped, or still running, in epoch \(last.epoch + 1)\(of) after step "
      + "\(last.step)"
  }

  private static func lastWritten(_ path: String) -> String {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let date = attributes?[.modificationDate] as? Date else { return "" }
    return "; last written \(date.formatted(.iso8601))"
  }

  /// A key's mean over the lines of the second half of training that have it, as in `summary.json`; nil without any.
  func lateMean(_ key: String) -> Double? {
    let end = metrics.last?.step ?? 0
    return Estimate(metrics.filter { 2 * $0.step > end }.compactMap { $0[key] })?.mean
  }

  /// Steps an epoch, from the first evaluation; nil where there was none.
  var stepsPerEpoch: Double? {
    metrics.first { $0["eval_top1"] != nil }.map { Double($0.step) / Double($0.epoch + 1) }
  }
}
