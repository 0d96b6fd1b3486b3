import Files
import Statistics

/// A comparison as text: in one line a row where there is room for that, else in several.
package struct ComparisonTable {
  private let rows: [Comparison.Row]

  /// The table of a comparison.
  package init(_ comparison: Comparison) { rows = comparison.rows }

  /// The columns' names.
  package static let header = [
    "recipe", "seeds", "top-1 %", "test loss", "r(W_Q) ‰", "R_w>16 %", "images/s", "peak MiB",
  ]

  /// The same in two lines a column, for narrow terminals.
  private static let narrowHeader = [
    ["recipe"], ["seeds"], ["top-1", "%"], ["test", "loss"], ["r(W_Q)", "‰"], ["R_w>16", "%"],
    ["images", "/s"], ["peak", "MiB"],
  ]

  /// A row's cells under `header`; the best top-1 is marked *, one within its noise ≈.
  package static func cells(_ row: Comparison.Row) -> [String] {
    lines(row).map { $0.joined(separator: " ± ") }.enumerated().map { column, text in
      column == 2 ? text + mark(row) : text
    }
  }

  private static func mark(_ row: Comparison.Row) -> String {
    row.isBest ? " *" : row.isWithinNoise == true ? " ≈" : ""
  }

  /// A row's cells, means and deviations apart.
  private static func lines(_ row: Comparison.Row) -> [[String]] {
    func lines(_ estimate: Estimate?, _ digits: Int, times factor: Double = 1) -> [String] {
      estimate?.lines(digits, times: factor) ?? ["-"]
    }
    return [
      [row.label], ["\(row.seeds)"], lines(row.top1, 2), lines(row.loss, 4),
      lines(row.quantizedRate, 2, times: 1000), lines(row.oscillatingShare, 2, times: 100),
      lines(row.imagesPerSecond, 0), lines(row.peakMemory, 0),
    ]
  }

  /// The table, what its marks mean, and the folders of each row.
  ///
  /// - Parameter width: columns of the terminal; nil where there is none, and lines may be as long as they are.
  package func text(width: Int?) -> String {
    let wide = TextTable([Self.header.map { [$0] }] + rows.map { Self.cells($0).map { [$0] } })
    let table = width.map { wide.width <= $0 } ?? true ? wide.text() : narrow(width: width ?? 0)
    return [table, marks, folders(width: width)].filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  /// Deviations stand below their means.
  private func narrow(width: Int) -> String {
    let body = rows.map { row -> [[String]] in
      Self.lines(row).enumerated().map { column, lines in
        let marked = column == 2 ? [lines[0] + Self.mark(row)] + lines.dropFirst() : lines
        return marked.enumerated().map { $0 == 0 ? $1 : "±\($1)" }
      }
    }
    return TextTable.text([Self.narrowHeader] + body, names: Self.header, width: width)
  }

  private var marks: String {
    guard rows.count > 1 else { return "" }
    let noise = "≈ not significantly lower (Welch's t-test, p ≥ 0.05)"
    return rows.contains { $0.isWithinNoise == true }
      ? "* highest top-1\n\(noise)" : "* highest top-1"
  }

  /// Which folders are in which row.
  private func folders(width: Int?) -> String {
    rows.map { row in
      let names = row.folders.map { folder in
        var facts = folder.seed.map { ["seed \($0)"] } ?? []
        if !folder.isFinished { facts.append("unfinished") }
        if !folder.isCounted { facts.append("not counted") }
        return oneLine(folder.path) + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
      }
      let lines = wrapped(names.joined(separator: ", "), width: max(20, (width ?? 100) - 2))
      return ([row.label + ":"] + lines.map { "  " + $0 }).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}
