import Files
import Statistics
import Training
import Foundation

/// The table that sets runs side by side: one row a recipe, means and standard deviations over its seeds.
package struct Comparison: Sendable {
  /// One recipe.
  package struct Row: Sendable {
    /// What tells it from the others.
    package let label: String
    /// Its run folders, by seed.
    package let folders: [Folder]
    /// Over how many seeds the means are.
    package let seeds: Int
    /// Top-1 in percent, and loss, of the last evaluation.
    package let top1, loss: Estimate?
    /// Training images a second, and the largest memory in MiB.
    package let imagesPerSecond, peakMemory: Estimate?
    /// r(W_Q), and the share with R_w > 16, over the second half of training.
    package let quantizedRate, oscillatingShare: Estimate?
    /// Whether no recipe has a higher top-1.
    package let isBest: Bool
    /// How probable a difference from the best top-1 as large as this one is by chance; nil for the best, and where one seed
    /// says nothing on that.
    package let pValue: Double?

    /// How many run folders there are.
    package var runs: Int { folders.count }
    /// How many of them are not finished.
    package var unfinished: Int { folders.count { !$0.isFinished } }
    /// Whether top-1 differs from the best by no more than noise; nil where one seed says nothing on that.
    package var isWithinNoise: Bool? { pValue.map { $0 >= Estimate.significance } }
  }

  /// A run folder of a row.
  package struct Folder: Sendable {
    /// As it was given.
    package let path: String
    /// Its seed, where it is known.
    package let seed: Int?
    /// Whether the run came to its end, and whether it is the one of its seed that counts.
    package let isFinished, isCounted: Bool
  }

  /// The rows, in the order of the groups.
  package let rows: [Row]

  /// Compares groups of runs.
  package init(_ groups: [RunGroup]) {
    let accuracies = groups.map { $0.estimate(\.top1) }
    let best = Metric.evalTop1.best(of: accuracies.compactMap { $0 }, by: \.mean)
    rows = zip(groups, accuracies).map { group, top1 in
      let isBest = top1 != nil && top1?.mean == best?.mean
      return Row(
        label: group.label,
        folders: group.runs.map {
          Folder(
            path: $0.path, seed: $0.seed, isFinished: $0.summary != nil,
            isCounted: group.counts($0))
        },
        seeds: group.counted.count, top1: top1, loss: group.estimate(\.loss),
        imagesPerSecond: group.estimate { run in
          run.summary?.imagesPerSecond ?? run.metrics.last?[.imagesPerSecond]
        },
        peakMemory: group.estimate { $0.summary?.peakMemoryMB },
        quantizedRate: group.estimate { $0.lateMean(.quantizedWeightRate) },
        oscillatingShare: group.estimate { $0.lateMean(.oscillatingShare) },
        isBest: isBest,
        pValue: isBest
          ? nil : top1.flatMap { own in best.flatMap(own.probability(ofDifferenceFrom:)) })
    }
  }

  /// A row for programs: means under the metrics' names, standard deviations under NAME_sd.
  package static func line(_ row: Row) -> JSONLine {
    var line = JSONLine()
    line.add("recipe", row.label)
    line.add("runs", row.runs)
    line.add("unfinished", row.unfinished)
    line.add("seeds", row.seeds)
    line.add("folders", row.folders.map(\.path))
    for (key, estimate) in [
      (Metric.evalTop1.rawValue, row.top1), (Metric.evalLoss.rawValue, row.loss),
      (Metric.quantizedWeightRate.rawValue, row.quantizedRate),
      (Metric.oscillatingShare.rawValue, row.oscillatingShare),
      (Metric.imagesPerSecond.rawValue, row.imagesPerSecond), ("peak_memory_mb", row.peakMemory),
    ] {
      guard let estimate else { continue }
      line.add(key, estimate.mean)
      if let deviation = estimate.deviation { line.add("\(key)_sd", deviation) }
    }
    if let half = row.top1?.halfInterval { line.add("\(Metric.evalTop1.rawValue)_ci95", half) }
    line.add("best", row.isBest)
    if let value = row.pValue { line.add("p_value", value) }
    if let within = row.isWithinNoise { line.add("within_noise_of_best", within) }
    return line
  }
}
