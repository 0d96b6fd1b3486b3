import Foundation
import Runtime

/// The table that sets runs side by side: one row a recipe, means and standard deviations over its seeds.
public struct Comparison: Sendable {
  /// One recipe.
  public struct Row: Sendable {
    /// What tells it from the others.
    public let label: String
    /// How many seeds there are, and how many of their runs are not finished.
    public let runs, unfinished: Int
    /// Top-1 in percent, and loss, of the last evaluation.
    public let top1, loss: Estimate?
    /// Training images a second, and the largest memory in MiB.
    public let imagesPerSecond, peakMemory: Estimate?
    /// r(W_Q), and the share with R_w > 16, over the second half of training.
    public let quantizedRate, oscillatingShare: Estimate?
    /// Whether no recipe has a higher top-1.
    public let isBest: Bool
    /// Whether top-1 differs from the best by no more than noise; nil where one seed says nothing on that.
    public let isWithinNoise: Bool?
  }

  /// The rows, in the order of the groups.
  public let rows: [Row]

  /// Compares groups of runs.
  public init(_ groups: [RunGroup]) {
    let accuracies = groups.map { $0.estimate(\.top1) }
    let best = accuracies.compactMap { $0 }.max { $0.mean < $1.mean }
    rows = zip(groups, accuracies).map { group, top1 in
      let isBest = top1 != nil && top1?.mean == best?.mean
      return Row(
        label: group.label, runs: group.runs.count,
        unfinished: group.runs.count { $0.summary == nil },
        top1: top1, loss: group.estimate(\.loss),
        imagesPerSecond: group.estimate { run in
          run.summary?.imagesPerSecond ?? run.metrics.last?["images_per_second"]
        },
        peakMemory: group.estimate { $0.summary?.peakMemoryMB },
        quantizedRate: group.estimate { $0.lateMean("rate_of_change_quantized_weight") },
        oscillatingShare: group.estimate { $0.lateMean("oscillating_share") },
        isBest: isBest,
        isWithinNoise: isBest ? nil : top1.flatMap { own in best.flatMap(own.isWithinNoise) })
    }
  }

  /// The columns' names.
  public static let header = [
    "recipe", "runs", "top-1 %", "test loss", "r(W_Q) ‰", "R_w>16 %", "images/s", "peak MiB",
  ]

  /// A row's cells under `header`; the best top-1 is marked *, one within its noise ≈.
  public static func cells(_ row: Row) -> [String] {
    func text(_ estimate: Estimate?, _ digits: Int, times factor: Double = 1) -> String {
      estimate?.text(digits, times: factor) ?? "-"
    }
    let mark = row.isBest ? " *" : row.isWithinNoise == true ? " ≈" : ""
    return [
      row.label, "\(row.runs)" + (row.unfinished > 0 ? " (\(row.unfinished) unfinished)" : ""),
      text(row.top1, 2) + mark, text(row.loss, 4), text(row.quantizedRate, 2, times: 1000),
      text(row.oscillatingShare, 2, times: 100), text(row.imagesPerSecond, 0),
      text(row.peakMemory, 0),
    ]
  }

  /// A row for programs: means under the metrics' names, standard deviations under NAME_sd.
  public static func line(_ row: Row) -> JSONLine {
    var line = JSONLine()
    line.add("recipe", row.label)
    line.add("runs", row.runs)
    line.add("unfinished", row.unfinished)
    for (key, estimate) in [
      ("eval_top1", row.top1), ("eval_loss", row.loss),
      ("rate_of_change_quantized_weight", row.quantizedRate),
      ("oscillating_share", row.oscillatingShare), ("images_per_second", row.imagesPerSecond),
      ("peak_memory_mb", row.peakMemory),
    ] {
      guard let estimate else { continue }
      line.add(key, estimate.mean)
      if let deviation = estimate.deviation { line.add("\(key)_sd", deviation) }
    }
    line.add("best", row.isBest)
    if let within = row.isWithinNoise { line.add("within_noise_of_best", within) }
    return line
  }
}
