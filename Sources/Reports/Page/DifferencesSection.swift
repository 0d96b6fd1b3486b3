/// Differences from a baseline, seed by seed, on the page.
struct DifferencesSection {
  let table: DifferencesTable

  /// The table.
  var html: String {
    let head = table.header.map { "<th>\(escaped($0))</th>" }.joined()
    let rows = table.cells.map { row in
      let cells = row.enumerated().map { column, lines in
        let (tag, text) = (column == 0 ? "th" : "td", lines.joined(separator: " "))
        return "<\(tag)>\(escaped(text))</\(tag)>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    return "<div class='scroll'><table><thead><tr>\(head)</tr></thead>"
      + "<tbody>\(rows.joined())</tbody></table></div>"
  }

  /// What it says.
  var note: String { table.legend.map(escaped).joined(separator: " ") }
}
