import Files
import MXCompute
import MXFormats
import Oscillation
import Statistics
import Training

/// Runs whose recipes differ in nothing but the seed.
package struct RunGroup: Sendable {
  /// What tells the group from the others (`GroupLabels`).
  package let label: String
  /// The runs, by seed.
  package let runs: [RunRecord]
  /// The runs that means and curves are made of: one a seed.
  let counted: [RunRecord]

  /// Puts runs together that differ by seed only, in the order in which they were given.
  ///
  /// Where the images lie, and how their path was typed, plays no part: what they are by content does, where a run's folder
  /// says it.
  ///
  /// - Parameter names: what groups are called instead of what tells them apart, by the path of any of their runs.
  package static func grouped(_ runs: [RunRecord], names: [String: String] = [:]) -> [RunGroup] {
    var order: [[String: String]] = []
    var members: [[String: String]: [RunRecord]] = [:]
    for run in runs {
      var key = run.settings.filter {
        !["seed", "data.path"].contains($0.key) && RecipeKey.changesResult($0.key)
      }
      // A run without a readable recipe stands alone.
      if key.isEmpty { key["path"] = run.path }
      if members[key] == nil { order.append(key) }
      members[key, default: []].append(run)
    }
    let groups = order.compactMap { members[$0] }.flatMap(apartByData)
    return zip(groups, GroupLabels(groups.map { $0[0] }).labels).map { runs, label in
      RunGroup(runs, label: runs.lazy.compactMap { names[$0.path] }.first.map(oneLine) ?? label)
    }
  }

  /// Runs apart that are known to be of other images; those of which nobody knows stay together.
  private static func apartByData(_ runs: [RunRecord]) -> [[RunRecord]] {
    var known: [DataFingerprint?] = []
    for run in runs where !known.contains(run.data) { known.append(run.data) }
    if known.compactMap({ $0 }).count < 2 { return [runs] }
    return known.map { data in runs.filter { $0.data == data } }
  }

  private init(_ runs: [RunRecord], label: String) {
    self.label = label
    self.runs = runs.sorted { ($0.seed ?? 0, $0.path) < ($1.seed ?? 0, $1.path) }
    counted = Self.oneASeed(self.runs)
  }

  /// Of runs with the same seed the finished one, of several such the one that went furthest, of equal ones the first: the
  /// same training twice says nothing of how much trainings differ. Runs without a known seed all count.
  private static func oneASeed(_ runs: [RunRecord]) -> [RunRecord] {
    var places: [Int: Int] = [:]
    var counted: [RunRecord] = []
    func rank(_ run: RunRecord) -> (Int, Int) {
      (run.summary == nil ? 0 : 1, run.metrics.last?.step ?? 0)
    }
    for run in runs {
      if let seed = run.seed, let place = places[seed] {
        if rank(run) > rank(counted[place]) { counted[place] = run }
        continue
      }
      if let seed = run.seed { places[seed] = counted.count }
      counted.append(run)
    }
    return counted
  }

  /// Whether a run is one of those that count.
  func counts(_ run: RunRecord) -> Bool { counted.contains { $0.path == run.path } }

  /// What a reader should know of the row: seeds that are there more than once.
  package var notes: [String] {
    counted.compactMap { run in
      let same = runs.filter { $0.seed == run.seed }
      guard let seed = run.seed, same.count > 1 else { return nil }
      return
        "\(label): seed \(seed) is there \(same.count) times and counts once, as in \(run.path)"
    }
  }

  /// The estimate of a number over the group's seeds.
  package func estimate(_ value: (RunRecord) -> Double?) -> Estimate? {
    Estimate(counted.compactMap(value))
  }

  /// A metric over training: mean and range at each step at which a seed has said it, over those that have.
  func series(_ metric: Metric) -> [SeriesPoint] {
    var values: [Int: [Double]] = [:]
    for run in counted {
      for record in run.metrics {
        if let value = record[metric] { values[record.step, default: []].append(value) }
      }
    }
    let stepsPerEpoch = counted.lazy.compactMap(\.stepsPerEpoch).first ?? 1
    return values.sorted { $0.key < $1.key }.map { step, values in
      SeriesPoint(
        x: Double(step) / stepsPerEpoch, y: values.reduce(0, +) / Double(values.count),
        low: values.min() ?? 0, high: values.max() ?? 0)
    }
  }

  /// The lines of the first run that hold statistics of its weights.
  var windows: [MetricsRecord] {
    counted[0].metrics.filter { $0[.confidence] != nil }
  }

  /// The format of the quantized weights.
  private var format: ElementFormat {
    (runs[0].settings["quantizers.q2.format"].flatMap(BlockFormat.init) ?? .mxfp4).elements
  }

  /// Between neighbouring values of that format, of either sign.
  var thresholds: [Double] {
    let magnitudes = format.magnitudes.map(Double.init)
    let between = zip(magnitudes, magnitudes.dropFirst()).map { ($0 + $1) / 2 }
    return between + between.map { -$0 }
  }

  /// Where the distribution of latent weights ends in that format.
  var latentRange: Double { Double(ConfidenceGrid(format).latentRange) }

  /// Epochs done at a line of the first run.
  func epochs(_ record: MetricsRecord) -> Double {
    Double(record.step) / (counted[0].stepsPerEpoch ?? 1)
  }
}
