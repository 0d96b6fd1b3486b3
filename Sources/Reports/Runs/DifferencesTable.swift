import Files
import Statistics

/// Differences from a baseline as text: in one line a row where there is room for that, else in several.
package struct DifferencesTable {
  private let rows: [Differences]
  private let baseline: String
  /// Whether there is a gap of which somebody may have closed a part.
  private let hasGap: Bool

  /// The table of the differences from a baseline; nil where there is no other recipe.
  package init?(_ rows: [Differences], baseline: String) {
    if rows.isEmpty { return nil }
    (self.rows, self.baseline) = (rows, baseline)
    hasGap = rows.contains { $0.measure(.evalTop1)?.gapClosed?.interval != nil }
  }

  /// The columns' names.
  var header: [String] {
    ["recipe", "seeds", "top-1 %", "test loss", "train loss", "p", "needed"]
      + (hasGap ? ["gap %"] : [])
  }

  /// The rows' cells under them: means apart from their intervals.
  var cells: [[[String]]] { rows.map(cells) }

  /// What the columns mean, a sentence a line.
  var legend: [String] {
    [
      "Less \(oneLine(baseline)), over equal seeds: mean ± half of its 95 % interval (t).",
      "▲ better, ▼ worse: the interval leaves out zero.",
      "p: how often top-1 with random signs differs as much (sign-flip test).",
      "needed: seeds that would show that difference in top-1 (power .8).",
    ]
      + (hasGap
        ? ["gap %: how much of that in top-1 to fp32 is closed (interval by Fieller)."] : [])
  }

  /// The table, and what it says.
  ///
  /// - Parameter width: columns of the terminal; nil where there is none.
  package func text(width: Int?) -> String {
    let all = [header.map { [$0] }] + cells
    let oneLine = TextTable(all.map { $0.map { [$0.joined(separator: " ")] } })
    let isWide = width.map { oneLine.width <= $0 } ?? true
    // Else half intervals stand below means.
    let table =
      isWide ? oneLine.text() : TextTable.text(all, names: header, width: width ?? 0)
    return ([table, ""] + legend.flatMap { wrapped($0, width: width ?? .max) })
      .joined(separator: "\n")
  }

  private func cells(_ row: Differences) -> [[String]] {
    let measures = Differences.metrics.map { metric, digits in
      row.measure(metric).map { cell($0, digits: digits) } ?? ["-"]
    }
    let top1 = row.measure(.evalTop1)?.difference
    let tests = [
      [top1.map { fixed($0.signFlipProbability, 3) } ?? "-"],
      [top1?.pairsNeeded().map { $0 > 999 ? ">999" : "\($0)" } ?? "-"],
    ]
    return [[row.label], ["\(top1?.estimate.count ?? 0)"]] + measures + tests
      + (hasGap ? [gap(row)] : [])
  }

  private func gap(_ row: Differences) -> [String] {
    // Without an interval the share may be anything.
    guard let gap = row.measure(.evalTop1)?.gapClosed, let interval = gap.interval else {
      return ["-"]
    }
    let bounds = [interval.lowerBound, interval.upperBound].map { fixed(100 * $0, 0) }
    return [fixed(100 * gap.share, 0), "(\(bounds.joined(separator: " to ")))"]
  }

  private func cell(_ measure: Differences.Measure, digits: Int) -> [String] {
    let lines = measure.difference.lines(digits)
    let mark = measure.isBetter.map { $0 ? " ▲" : " ▼" } ?? ""
    return lines.prefix(1) + lines.dropFirst().map { "± \($0)\(mark)" }
  }
}
