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
    func bySeed(_ column: StudyColumn, _ runs: [RunRecord]) -> [Int: Double] {
      Dictionary(
        runs.compactMap { run in
          run.seed.flatMap { seed in column.value(of: run).map { (seed, $0) } }
        }, uniquingKeysWith: { first, _ in first })
    }
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
            bySeed(column, finished), minus: bySeed(column, base.runs))
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

  /// - Parameter emphasized: how what an interval carries is shown.
  private func cells(_ row: Row, emphasized: (String) -> String) -> [String] {
    columns.map { column in
      let (factor, digits) = column.format
      return row.measures[column]?.text(digits, times: factor) ?? "–"
    }
      + compared.map { column in
        guard let difference = row.differences[column] else { return "–" }
        let (factor, digits) = column.format
        let estimate = difference.estimate
        let text =
          (estimate.mean > 0 ? "+" : "") + fixed(factor * estimate.mean, digits)
          + (estimate.halfInterval.map { " ± \(fixed(factor * $0, digits))" } ?? "")
        return difference.isSeparate ? emphasized(text) : text
      }
  }

  private var note: String {
    "Mean ± standard deviation over n seeds."
      + (baseline.map {
        " Δ: less \(oneLine($0)) over equal seeds, mean ± half of its 95 % interval; in bold where that leaves out zero."
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
    let head = ["row", "n"] + header.dropFirst(2)
    let cells = rows.map { row in
      ([row.name, "\(row.seeds)"] + self.cells(row) { "\($0) *" }).map { oneLine($0) }
    }
    let wide = TextTable(([head] + cells).map { $0.map { [$0] } })
    // Else spreads stand below means.
    let lines = ([head] + cells).map { row in
      row.enumerated().map { column, cell -> [String] in
        guard column > 0, let place = cell.range(of: " ± ") else { return [cell] }
        return [String(cell[..<place.lowerBound]), "±" + cell[place.upperBound...]]
      }
    }
    let isWide = width.map { wide.width <= $0 } ?? true
    let table =
      isWide ? wide.text() : TextTable.text(lines, names: head, width: width ?? 0)
    let note = note.replacing("in bold where", with: "* where")
    return ([table, ""] + wrapped(note, width: width ?? .max)).joined(separator: "\n")
  }

  /// As Markdown.
  package var markdown: String {
    func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |\n" }
    func escaped(_ text: String) -> String { oneLine(text).replacing("|", with: "\\|") }
    return line(header) + line(header.indices.map { $0 == 0 ? "---" : "---:" })
      + rows.map { row in
        line(
          [escaped(row.name), "\(row.seeds)"] + cells(row) { "**\($0)**" })
      }.joined() + "\n\(note)\n"
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
        oneLine(text).flatMap { sign in
          signs[sign] ?? ("&%$#_{}".contains(sign) ? "\\\(sign)" : String(sign))
        })
    }
    func line(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\\n" }
    return
      "% \(note)\n\\begin{tabular}{l\(String(repeating: "r", count: header.count - 1))}\n\\toprule\n"
      + line(header.map(escaped)) + "\\midrule\n"
      + rows.map { row in
        line(
          ([row.name, "\(row.seeds)"]).map(escaped)
            + cells(row) { "\u{1}\($0)" }.map { cell in
              cell.hasPrefix("\u{1}")
                ? "\\textbf{\(escaped(String(cell.dropFirst())))}" : escaped(cell)
            })
      }.joined() + "\\bottomrule\n\\end{tabular}\n"
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
    func object(_ estimate: Estimate) -> JSONLine {
      var line = JSONLine()
      line.add("mean", estimate.mean)
      if let deviation = estimate.deviation { line.add("sd", deviation) }
      if let half = estimate.halfInterval {
        line.add("interval", [estimate.mean - half, estimate.mean + half])
      }
      return line
    }
    var table = JSONLine()
    if let baseline { table.add("baseline", baseline) }
    table.add(
      "rows",
      rows.map { row in
        var line = JSONLine()
        line.add("name", row.name)
        line.add("n", row.seeds)
        for column in columns {
          if let estimate = row.measures[column] { line.add(column.rawValue, object(estimate)) }
        }
        var difference = JSONLine()
        for column in compared {
          guard let found = row.differences[column] else { continue }
          var own = object(found.estimate)
          own.add("n", found.estimate.count)
          own.add("sign_flip_p", found.signFlipProbability)
          difference.add(column.rawValue, own)
        }
        if !row.differences.isEmpty { line.add("difference", difference) }
        return line
      })
    return table
  }
}
