import Files
import Statistics
import Training

/// How a recipe differs from a baseline, seed by seed.
package struct Differences: Sendable {
  /// One number of the runs.
  package struct Measure: Sendable {
    /// What it is.
    package let metric: Metric
    /// The recipe's less the baseline's.
    package let difference: PairedDifference
    /// How much of the gap to single precision it closes; nil where no such runs are there, or these are they.
    package let gapClosed: GapClosed?

    /// Whether the recipe is better or worse, where the 95 % interval of the difference says so; else nil.
    package var isBetter: Bool? {
      guard difference.isSeparate else { return nil }
      return metric.best(of: [0, difference.estimate.mean], by: { $0 }) != 0
    }
  }

  /// What tells the recipe from the others.
  package let label: String
  /// Those that both have for a seed, in the order of `Differences.metrics`.
  package let measures: [Measure]

  /// What is compared, with its decimals.
  package static let metrics: [(metric: Metric, digits: Int)] = [
    (.evalTop1, 2), (.evalLoss, 4), (.trainLoss, 4),
  ]

  /// A metric at the end of a run.
  private static func value(_ metric: Metric, of run: RunRecord) -> Double? {
    switch metric {
    case .evalTop1: run.top1
    case .evalLoss: run.loss
    default: run.summary?.trainLoss
    }
  }

  /// The differences of all groups but the baseline from it.
  ///
  /// - Parameter baseline: the label of a group, or a method that only one group has.
  /// - Throws: `BaselineError`.
  package static func all(_ groups: [RunGroup], from baseline: String) throws -> [Differences] {
    let base = try group(named: baseline, of: groups)
    let fullPrecision =
      [Method.fp32, .bf16].lazy.map { method in
        groups.filter { $0.counted[0].method == method.rawValue }
      }.first { !$0.isEmpty } ?? []
    // Of several such recipes nobody could say which one is meant.
    let target = fullPrecision.count == 1 ? fullPrecision[0] : nil
    func bySeed(_ metric: Metric, _ group: RunGroup) -> [Int: Double] {
      group.counted.bySeed { value(metric, of: $0) }
    }
    return groups.filter { $0.label != base.label }.map { group in
      Differences(
        label: group.label,
        measures: metrics.compactMap { metric, _ in
          let (own, theirs) = (bySeed(metric, group), bySeed(metric, base))
          guard let difference = PairedDifference(own, minus: theirs) else { return nil }
          let gap =
            target.map(\.label) == group.label
            ? nil
            : target.flatMap {
              GapClosed(baseline: theirs, method: own, target: bySeed(metric, $0))
            }
          return Measure(metric: metric, difference: difference, gapClosed: gap)
        })
    }
  }

  private static func group(named name: String, of groups: [RunGroup]) throws -> RunGroup {
    if let group = groups.first(where: { $0.label == name }) { return group }
    let sameMethod = groups.filter { $0.counted[0].method == name }
    guard sameMethod.count == 1 else {
      throw BaselineError(name: name, isOfSeveral: !sameMethod.isEmpty, known: groups.map(\.label))
    }
    return sameMethod[0]
  }

  /// That of a metric.
  func measure(_ metric: Metric) -> Measure? { measures.first { $0.metric == metric } }

  /// For programs: an object for each metric.
  package var json: JSONLine {
    var line = JSONLine()
    for measure in measures {
      var own = measure.difference.json
      if let needed = measure.difference.pairsNeeded() { own.add("seeds_needed", needed) }
      if let gap = measure.gapClosed {
        own.add("gap_closed", gap.share)
        if let interval = gap.interval {
          own.add("gap_closed_interval", [interval.lowerBound, interval.upperBound])
        }
      }
      line.add(measure.metric.rawValue, own)
    }
    return line
  }
}

/// No recipe, or more than one, has the name that a baseline was given by.
package struct BaselineError: ReportableError {
  let name: String
  let isOfSeveral: Bool
  let known: [String]

  /// The name, and those that there are.
  package var description: String {
    let what = isOfSeveral ? "several recipes are of the method" : "no recipe is called"
    return "\(what) '\(name)'; there \(known.count == 1 ? "is" : "are"): "
      + known.map { "'\(oneLine($0))'" }.joined(separator: ", ")
  }

  /// What was asked cannot be done.
  package var category: ErrorCategory { .usage }
}
