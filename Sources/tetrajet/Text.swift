import Foundation
import Reports

/// Text with spaces behind it, up to a width.
func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.displayWidth))
}

/// Rows under a header: the first column to the left, numbers to the right.
func table(_ header: [String], _ rows: [[String]]) -> String {
  let widths = header.indices.map { column in
    ([header] + rows).map { $0[column].displayWidth }.max() ?? 0
  }
  func line(_ cells: [String]) -> String {
    zip(cells, widths).enumerated().map { index, cell in
      index == 0
        ? padded(cell.0, cell.1)
        : String(repeating: " ", count: cell.1 - cell.0.displayWidth) + cell.0
    }.joined(separator: "  ")
  }
  let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
  return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
}

/// Words in lines of at most 80 characters, with spaces before each line.
func wrapped(_ text: String, indent: Int) -> String {
  var lines: [String] = []
  for word in text.split(separator: " ") {
    if let line = lines.last, indent + line.displayWidth + 1 + String(word).displayWidth <= 80 {
      lines[lines.count - 1] = "\(line) \(word)"
    } else {
      lines.append(String(word))
    }
  }
  return lines.map { String(repeating: " ", count: indent) + $0 }.joined(separator: "\n")
}

/// Seconds as people read them: 45 s, 3:07, 2:03:10.
func duration(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds >= 0 else { return "-" }
  let whole = Int(seconds.rounded())
  if whole < 60 { return "\(whole) s" }
  let minutes = String(format: "%d:%02d", whole / 60 % 60, whole % 60)
  return whole < 3600
    ? minutes : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
}
