import Files
import Foundation
import Training

/// What a run folder says of its run, whatever state it is in: finished, under way, broken off, or written by another
/// version.
package struct RunRecord: Sendable {
  /// The folder.
  package let path: String
  /// Its recipe, key by key: whole, or as far as it can be read.
  package let settings: [String: String]
  /// The recipe; nil where this version cannot read it.
  let recipe: Recipe?
  /// The recipe's text.
  package let recipeText: String
  /// The metrics in the order of their lines, repeats of a step after a crash left out.
  package let metrics: [MetricsRecord]
  /// Lines of metrics.jsonl that no run writes.
  package let damagedLines: Int
  /// What came out; nil while nothing has.
  package let summary: RunSummary?
  /// The last evaluation, class by class; nil where the run's version, or the run, has not written it.
  let evaluation: RunEvaluation?
  /// How gradients of its weights lie to the exact ones; nil where nobody asked.
  let gradients: GradientStudy?
  /// What its images are by content; nil where nobody wrote it down.
  let data: DataFingerprint?
  /// Things a reader should know: unfinished, damaged, unknown keys.
  package let notes: [String]

  /// The last part of the folder's path.
  package var name: String { URL(fileURLWithPath: path).lastPathComponent }
  /// The method's name.
  package var method: String { summary?.method ?? settings["method"] ?? "unknown" }
  /// The seed, where it is known.
  package var seed: Int? { summary?.seed ?? settings["seed"].flatMap(Int.init) }
  /// The epochs that the recipe asks for.
  package var plannedEpochs: Int? { settings["training.epochs"].flatMap(Int.init) }
  /// The last accuracy that was measured, in percent.
  package var top1: Double? {
    summary?.evalTop1 ?? metrics.lazy.compactMap { $0[.evalTop1] }.last
  }
  /// The last loss that was measured.
  package var loss: Double? {
    summary?.evalLoss ?? metrics.lazy.compactMap { $0[.evalLoss] }.last
  }

  /// Reads a run folder.
  ///
  /// - Throws: `RunError.notARun` where there is neither a recipe nor metrics; `FileError`.
  package init(path: String) throws {
    let directory = RunDirectory(reading: path)
    let files = FileManager.default
    guard files.fileExists(atPath: directory.recipe) || files.fileExists(atPath: directory.metrics)
    else { throw RunError.notARun(path) }
    self.path = path
    var notes: [String] = []

    var text = ""
    var settings: [String: String] = [:]
    var recipe: Recipe?
    if files.fileExists(atPath: directory.recipe) {
      do {
        text = String(decoding: try readFile(directory.recipe, limit: 1 << 20), as: UTF8.self)
        let parsed = try RecipeSetting.parse(
          yaml: text, path: directory.recipe, allowsUnknownSections: true)
        settings = Dictionary(parsed.map { ($0.name, $0.text) }) { $1 }
        recipe = try Recipe(settings: parsed)
        // Keys that are not there have their defaults, as in recipes of earlier versions.
        settings = recipe?.values ?? settings
      } catch {
        notes.append("recipe.yaml is from another version or damaged: \(error)")
      }
    } else {
      notes.append("recipe.yaml is missing")
    }
    (recipeText, self.recipe, self.settings) = (text, recipe, settings)
    data = DataFingerprint(run: path)

    if files.fileExists(atPath: directory.metrics) {
      let file = try MetricsFile(path: directory.metrics)
      (metrics, damagedLines) = (file.records, file.damagedLines)
    } else {
      (metrics, damagedLines) = ([], 0)
    }
    if damagedLines > 0 {
      notes.append("damaged lines of metrics.jsonl, left out: \(damagedLines)")
    }

    if files.fileExists(atPath: directory.evaluation) {
      evaluation = try? RunEvaluation(path: directory.evaluation)
      if evaluation == nil { notes.append("evaluation.json is from another version or damaged") }
    } else {
      evaluation = nil
    }

    gradients = try? GradientStudy(path: directory.gradients)
    if gradients == nil, files.fileExists(atPath: directory.gradients) {
      notes.append("gradients.json is from another version or damaged")
    }

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

  /// A metric's mean over the second half of training, as in `summary.json`.
  func lateMean(_ metric: Metric) -> Double? {
    metrics.lateMean(metric, steps: metrics.last?.step ?? 0)
  }

  /// Steps an epoch, from the first evaluation; nil where there was none.
  var stepsPerEpoch: Double? {
    metrics.first { $0.step > 0 && $0[.evalTop1] != nil }
      .map { Double($0.step) / Double($0.epoch + 1) }
  }
}

extension [RunRecord] {
  /// A number of each run by its seed; runs without one are left out, and of a seed that is there twice the second.
  func bySeed(_ value: (RunRecord) -> Double?) -> [Int: Double] {
    Dictionary(
      compactMap { run in run.seed.flatMap { seed in value(run).map { (seed, $0) } } },
      uniquingKeysWith: { first, _ in first })
  }
}
