import Training

/// Runs whose recipes differ in nothing but the seed.
public struct RunGroup: Sendable {
  /// What tells the group from the others: its method, and the keys in which groups of that method differ.
  public let label: String
  /// The runs, by seed.
  public let runs: [RunRecord]

  /// Puts runs together that differ by seed only, in the order in which they were given.
  public static func grouped(_ runs: [RunRecord]) -> [RunGroup] {
    var order: [[String: String]] = []
    var members: [[String: String]: [RunRecord]] = [:]
    for run in runs {
      var key = run.settings.filter { $0.key != "seed" && RecipeKey.changesResult($0.key) }
      // A run without a readable recipe stands alone.
      if key.isEmpty { key["path"] = run.path }
      if members[key] == nil { order.append(key) }
      members[key, default: []].append(run)
    }
    let groups = order.map { (key: $0, runs: members[$0] ?? []) }
    return groups.map { group in
      let method = group.runs[0].method
      let siblings = groups.filter { $0.runs[0].method == method }
      let keys = Set(siblings.flatMap(\.key.keys)).subtracting(["method"]).sorted()
      let differing = keys.filter { key in Set(siblings.map { $0.key[key] }).count > 1 }
      let details = differing.map { "\($0)=\(group.key[$0] ?? "?")" }
      return RunGroup(
        label: ([method] + details).joined(separator: ", "),
        runs: group.runs.sorted { ($0.seed ?? 0, $0.path) < ($1.seed ?? 0, $1.path) })
    }
  }

  /// The estimate of a number over the group's runs.
  public func estimate(_ value: (RunRecord) -> Double?) -> Estimate? {
    Estimate(runs.compactMap(value))
  }

  /// A key of the metrics over training: mean and range at each step at which a seed has said it, over those that have.
  func series(_ key: String) -> [SeriesPoint] {
    var values: [Int: [Double]] = [:]
    for run in runs {
      for record in run.metrics {
        if let value = record[key] { values[record.step, default: []].append(value) }
      }
    }
    let stepsPerEpoch = runs.lazy.compactMap(\.stepsPerEpoch).first ?? 1
    return values.sorted { $0.key < $1.key }.map { step, values in
      SeriesPoint(
        x: Double(step) / stepsPerEpoch, y: values.reduce(0, +) / Double(values.count),
        low: values.min() ?? 0, high: values.max() ?? 0)
    }
  }

  /// The lines of the first run that hold statistics of its weights.
  var windows: [MetricsRecord] {
    runs[0].metrics.filter { $0["quantization_confidence"] != nil }
  }

  /// Epochs done at a line of the first run.
  func epochs(_ record: MetricsRecord) -> Double {
    Double(record.step) / (runs[0].stepsPerEpoch ?? 1)
  }
}

/// A point of a curve, with the range over seeds.
struct SeriesPoint: Sendable, Equatable {
  let x, y: Double
  let low, high: Double
}
