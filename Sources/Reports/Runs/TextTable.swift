/// Rows of cells of one or more lines each: the first column to the left, the others to the right, a rule under the first
/// row.
struct TextTable {
  /// Spaces between two columns.
  static let gap = 2

  private let rows: [[[String]]]
  private let widths: [Int]

  /// A table of rows that have equally many cells.
  init(_ rows: [[[String]]]) {
    self.rows = rows
    widths = (rows.first ?? []).indices.map { column in
      rows.flatMap { $0[column].map(\.count) }.max() ?? 0
    }
  }

  /// How wide the text is.
  var width: Int { widths.reduce(0, +) + Self.gap * max(0, widths.count - 1) }

  /// The table in lines without a break at the end; `rulesRows` sets rows of several lines apart by an empty one.
  func text(rulesRows: Bool = false) -> String {
    let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
    var lines: [String] = []
    for (index, row) in rows.enumerated() {
      lines += self.lines(row)
      if index == 0 { lines.append(rule) }
      let isLast = index == rows.count - 1
      if rulesRows, index > 0, !isLast, row.contains(where: { $0.count > 1 }) { lines.append("") }
    }
    return lines.joined(separator: "\n")
  }

  /// A table for little room: what stands in the first column takes as many lines as it needs, and where even that is too wide
  /// the last columns are left out, and named below.
  ///
  /// - Parameters:
  ///   - rows: the first one has the columns' headings.
  ///   - names: what columns that are left out are called.
  static func text(_ rows: [[[String]]], names: [String], width: Int) -> String {
    let narrowest = 12
    var columns = names.count
    func room() -> Int { width - TextTable(rows.map { Array($0[1..<columns]) }).width - gap }
    while room() < narrowest, columns > 2 { columns -= 1 }
    let table = TextTable(
      rows.map { [wrapped($0[0][0], width: max(narrowest, room()))] + $0[1..<columns] }
    ).text(rulesRows: true)
    let left = names[columns...].joined(separator: ", ")
    let note = left.isEmpty ? [] : wrapped("(no room for \(left))", width: width)
    return ([table] + note).joined(separator: "\n")
  }

  private func lines(_ row: [[String]]) -> [String] {
    (0..<(row.map(\.count).max() ?? 0)).map { index in
      let cells = row.enumerated().map { column, lines in
        let text = index < lines.count ? lines[index] : ""
        let space = String(repeating: " ", count: widths[column] - text.count)
        return column == 0 ? text + space : space + text
      }
      let line = cells.joined(separator: String(repeating: " ", count: Self.gap))
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}

/// Text in lines of at most `width` characters, broken behind spaces, else behind signs that part words, else anywhere.
package func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var rest = text[...]
  while rest.count > width {
    let line = rest.prefix(width + 1)
    let space = line.lastIndex(of: " ").map { ($0, rest.index(after: $0)) }
    let sign = rest.prefix(width).lastIndex { "/=+,._-".contains($0) }
      .map { (rest.index(after: $0), rest.index(after: $0)) }
    let anywhere = rest.index(rest.startIndex, offsetBy: width)
    // A line that breaks off in its first third would waste the room that there is.
    let third = rest.index(rest.startIndex, offsetBy: width / 3)
    let (end, next) =
      [space, sign].compactMap { $0 }.first { $0.0 > third } ?? (anywhere, anywhere)
    lines.append(String(rest[..<end]))
    rest = rest[next...]
  }
  return lines + (rest.isEmpty && !lines.isEmpty ? [] : [String(rest)])
}
