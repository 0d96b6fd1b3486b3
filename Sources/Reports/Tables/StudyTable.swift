import Files
import Statistics

/// A study's table: a row a recipe, means over its seeds, and differences from a baseline over equal seeds.
package struct StudyTable: Sendable {
  struct Row: Sendable {
    let name: String
    /// Of finished runs.
    let seeds: Int
    let measures: [StudyColumn: Estimate]
    let differences: [StudyColumn: PairedDifference]
  }

  let rows: [Row]
  let columns: [StudyColumn]
  let baseline: String?

  /// The table of some rows' runs, in their order; unfinished runs do not count.
  ///
  /// - Parameter baseline: the name of a row; nil for no differences.
  package init(
    _ rows: [(name: String, runs: [RunRecord])], columns: [StudyColumn] = StudyColumn.usual,
    baseline: String? = nil
  ) {
    let base = rows.first { $0.name == baseline }
    (self.columns, self.baseline) = (columns, base?.name)
    self.rows = rows.map { name, runs in
      let finished = runs.filter { $0.summary != nil }
      var measures: [StudyColumn: Estimate] = [:]
      var differences: [StudyColumn: PairedDifference] = [:]
      for column in columns {
        measures[column] = Estimate(finished.compactMap(column.value))
        if let base, base.name != name, column.isQuality {
          differences[column] = PairedDifference(
            finished.bySeed(column.value), minus: base.runs.bySeed(column.value))
        }
      }
      return Row(
        name: name, seeds: finished.count, measures: measures, differences: differences)
    }
  }

  /// The columns that differences are shown of.
  private var compared: [StudyColumn] { baseline == nil ? [] : columns.filter(\.isQuality) }

  private var header: [String] {
    ["", "n"] + columns.map(\.heading) + compared.map { "Δ \($0.heading)" }
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
  }

  /// - Parameter mark: how what an interval carries is shown.
  private func note(mark: String) -> String {
    "Mean ± standard deviation over n seeds."
      + (baseline.map {
        " Δ: less \(oneLine($0)) over equal seeds, mean ± half of its 95 % interval; \(mark) where that leaves out zero."
      } ?? "")
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
          })
    }
    return lines.map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// As JSON: `rows`, each with `name`, `n`, and for each measure `mean`, `sd` and `interval`; `difference` by measure.
  package var json: JSONLine {
    var table = JSONLine()
    if let baseline { table.add("baseline", baseline) }
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
        return line
      })
    return table
  }
}
