import Files
import Statistics
import Training

/// A study's table: a row a recipe, means over its seeds, differences from a baseline over equal seeds, and what was published.
package struct StudyTable: Sendable {
  /// What a row is made of.
  package struct Source: Sendable {
    let name: String
    let runs: [RunRecord]
    let baseline: String?
    let published: [StudyGrid.Published]

    /// - Parameters:
    ///   - name: the row's.
    ///   - runs: its runs; unfinished ones do not count.
    ///   - baseline: the name of the row that differences are taken to; nil for none.
    ///   - published: what somebody else measured.
    package init(
      _ name: String, _ runs: [RunRecord], baseline: String? = nil,
      published: [StudyGrid.Published] = []
    ) {
      (self.name, self.runs) = (name, runs)
      (self.baseline, self.published) = (baseline, published)
    }
  }

  struct Row: Sendable {
    let name: String
    let published: [StudyGrid.Published]
    /// Of finished runs.
    let seeds: Int
    let measures: [StudyColumn: Estimate]
    let differences: [StudyColumn: PairedDifference]
  }

  /// A column of what was published: of what, and of which base; nil where that goes without saying.
  private struct PublishedColumn: Equatable {
    let column: StudyColumn
    let base: String?

    var heading: String {
      ["published", base, column.heading].compactMap(\.self).joined(separator: " ")
    }

    func value(of row: Row) -> Double? {
      row.published.first { $0.column == column && $0.base == base }?.value
    }
  }

  let rows: [Row]
  let columns: [StudyColumn]
  /// The rows that differences are taken to.
  let baselines: [String]
  private let published: [PublishedColumn]

  /// The table of some rows, in their order.
  package init(_ rows: [Source], columns: [StudyColumn] = StudyColumn.usual) {
    var (baselines, published): ([String], [PublishedColumn]) = ([], [])
    for row in rows {
      if let baseline = row.baseline, !baselines.contains(baseline) { baselines.append(baseline) }
      for number in row.published {
        let column = PublishedColumn(column: number.column, base: number.base)
        if !published.contains(column) { published.append(column) }
      }
    }
    (self.columns, self.baselines, self.published) = (columns, baselines, published)
    self.rows = rows.map { row in
      let finished = row.runs.filter { $0.summary != nil }
      let base = rows.first { $0.name == row.baseline }
      var measures: [StudyColumn: Estimate] = [:]
      var differences: [StudyColumn: PairedDifference] = [:]
      for column in columns {
        measures[column] = Estimate(finished.compactMap(column.value))
        if let base, base.name != row.name, column.isQuality {
          differences[column] = PairedDifference(
            finished.bySeed(column.value), minus: base.runs.bySeed(column.value))
        }
      }
      return Row(
        name: row.name, published: row.published, seeds: finished.count, measures: measures,
        differences: differences)
    }
  }

  /// The columns that differences are shown of.
  private var compared: [StudyColumn] { baselines.isEmpty ? [] : columns.filter(\.isQuality) }

  private var header: [String] {
    ["", "n"] + columns.map(\.heading) + compared.map { "Δ \($0.heading)" }
      + published.map(\.heading)
  }

  private struct Cell {
    /// A text, or a mean and what stands behind its ±.
    let parts: [String]
    /// Whether it is a difference whose interval leaves out zero.
    var isSeparate = false

    var text: String { parts.joined(separator: " ± ") }
  }

  /// What stands under the header.
  private func cells(_ row: Row) -> [Cell] {
    [Cell(parts: [oneLine(row.name)]), Cell(parts: ["\(row.seeds)"])]
      + columns.map { column in
        let (factor, digits) = column.format
        return Cell(parts: row.measures[column]?.lines(digits, times: factor) ?? ["–"])
      }
      + compared.map { column in
        let (factor, digits) = column.format
        let difference = row.differences[column]
        return Cell(
          parts: difference?.lines(digits, times: factor) ?? ["–"],
          isSeparate: difference?.isSeparate ?? false)
      }
      + published.map { published in
        let (factor, digits) = published.column.format
        return Cell(parts: [published.value(of: row).map { fixed($0 * factor, digits) } ?? "–"])
      }
  }

  /// - Parameter mark: how what an interval carries is shown.
  private func note(mark: String) -> String {
    "Mean ± standard deviation over n seeds."
      + (baselines.isEmpty
        ? ""
        : " Δ: less \(baselines.map(oneLine).joined(separator: " or ")) over equal seeds, mean ± half of its 95 % interval; \(mark) where that leaves out zero.")
  }

  /// Writes the table in every layout.
  ///
  /// - Parameter path: of the file whose name ends so.
  /// - Throws: `FileError`.
  package func write(_ path: (_ ending: String) -> String) throws {
    for (ending, text) in [
      ("md", markdown), ("csv", csv), ("tex", latex), ("json", json.text + "\n"),
    ] {
      try writeFileAtomically(path(ending), text: text)
    }
  }

  /// As lines for a terminal of a width; nil where there is none.
  package func text(width: Int?) -> String {
    let head = ["row"] + header.dropFirst()
    func table(_ lines: (Cell) -> [String]) -> [[[String]]] {
      [head.map { [$0] }] + rows.map { cells($0).map(lines) }
    }
    let wide = TextTable(table { [$0.text + ($0.isSeparate ? " *" : "")] })
    let isWide = width.map { wide.width <= $0 } ?? true
    // Else spreads stand below means.
    let narrow = table { cell in
      cell.parts.prefix(1)
        + cell.parts.dropFirst().map { "±\($0)" + (cell.isSeparate ? " *" : "") }
    }
    let text = isWide ? wide.text() : TextTable.text(narrow, names: head, width: width ?? 0)
    return ([text, ""] + wrapped(note(mark: "*"), width: width ?? .max))
      .joined(separator: "\n")
  }

  /// As Markdown.
  package var markdown: String {
    func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |\n" }
    func shown(_ cell: Cell) -> String {
      let text = cell.text.replacing("|", with: "\\|")
      return cell.isSeparate ? "**\(text)**" : text
    }
    return line(header) + line(header.indices.map { $0 == 0 ? "---" : "---:" })
      + rows.map { line(cells($0).map(shown)) }.joined() + "\n\(note(mark: "in bold"))\n"
  }

  /// As LaTeX, for the package booktabs.
  package var latex: String {
    func escaped(_ text: String) -> String {
      let signs: [Character: String] = [
        "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
        "±": "$\\pm$", "Δ": "$\\Delta$", "–": "--", "‰": "\\textperthousand{}", ">": "$>$",
        "<": "$<$",
      ]
      return String(
        text.flatMap { sign in
          signs[sign] ?? ("&%$#_{}".contains(sign) ? "\\\(sign)" : String(sign))
        })
    }
    func shown(_ cell: Cell) -> String {
      cell.isSeparate ? "\\textbf{\(escaped(cell.text))}" : escaped(cell.text)
    }
    func line(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\\n" }
    return
      "% \(note(mark: "in bold"))\n\\begin{tabular}{l\(String(repeating: "r", count: header.count - 1))}\n\\toprule\n"
      + line(header.map(escaped)) + "\\midrule\n"
      + rows.map { line(cells($0).map(shown)) }.joined() + "\\bottomrule\n\\end{tabular}\n"
  }

  /// As comma-separated values, in the units of metrics.jsonl.
  package var csv: String {
    func quoted(_ text: String) -> String {
      text.contains { ",\"\n\r".contains($0) }
        ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    var lines = [
      ["name", "n"]
        + columns.flatMap { ["\($0.rawValue)_mean", "\($0.rawValue)_sd", "\($0.rawValue)_ci95"] }
        + compared.flatMap { column in
          ["mean", "ci95", "n", "sign_flip_p"].map { "difference_\(column.rawValue)_\($0)" }
        }
        + published.map {
          quoted("published_\($0.base.map { "\($0)_" } ?? "")\($0.column.rawValue)")
        }
    ]
    for row in rows {
      lines.append(
        [quoted(row.name), "\(row.seeds)"]
          + columns.flatMap { column in
            let estimate = row.measures[column]
            return [estimate?.mean, estimate?.deviation, estimate?.halfInterval].map(number)
          }
          + compared.flatMap { column in
            let difference = row.differences[column]
            let estimate = difference?.estimate
            return [
              number(estimate?.mean), number(estimate?.halfInterval),
              estimate.map { "\($0.count)" } ?? "", number(difference?.signFlipProbability),
            ]
          } + published.map { number($0.value(of: row)) })
    }
    return lines.map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// As JSON: `rows`, each with `name`, `n`, and for each measure `mean`, `sd` and `interval`; `difference` by measure; `published`
  /// by measure, or by measure and base.
  package var json: JSONLine {
    var table = JSONLine()
    if baselines.count == 1 { table.add("baseline", baselines[0]) }
    table.add(
      "rows",
      rows.map { row in
        var line = JSONLine()
        line.add("name", row.name)
        line.add("n", row.seeds)
        for column in columns {
          if let estimate = row.measures[column] { line.add(column.rawValue, estimate.json) }
        }
        var difference = JSONLine()
        for column in compared {
          if let found = row.differences[column] { difference.add(column.rawValue, found.json) }
        }
        if !row.differences.isEmpty { line.add("difference", difference) }
        if !row.published.isEmpty { line.add("published", publishedJSON(row)) }
        return line
      })
    return table
  }

  private func publishedJSON(_ row: Row) -> JSONLine {
    var line = JSONLine()
    for column in StudyColumn.allCases {
      let numbers = row.published.filter { $0.column == column }
      if let alone = numbers.first(where: { $0.base == nil }) {
        line.add(column.rawValue, alone.value)
      } else if !numbers.isEmpty {
        var bases = JSONLine()
        for number in numbers { bases.add(number.base!, number.value) }
        line.add(column.rawValue, bases)
      }
    }
    return line
  }
}
