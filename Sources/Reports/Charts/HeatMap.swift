/// A value for each row and column as the depth of a colour.
struct HeatMap {
  let title: String
  let rows: [String]
  let columns: [String]
  /// Row by row; nil where there is no value.
  let values: [[Double?]]
  /// Under the columns.
  let xLabel: String

  private static let (width, labelWidth, rowHeight) = (440.0, 150.0, 13.0)

  /// The chart as a figure, its range in the title.
  var html: String {
    let all = values.flatMap { $0.compactMap { $0 } }
    guard let low = all.min(), let high = all.max(), !columns.isEmpty else { return "" }
    let plot = Self.width - Self.labelWidth - 4
    let cell = plot / Double(columns.count)
    let height = Double(rows.count) * Self.rowHeight + 38
    var svg = SVG(width: Self.width, height: height, label: title)
    for (row, name) in rows.enumerated() {
      let y = Double(row) * Self.rowHeight
      svg.text(Self.labelWidth - 6, y + 10, name, class: "small end")
      for (column, value) in values[row].enumerated() {
        guard let value else { continue }
        let depth = high > low ? (value - low) / (high - low) : 0.5
        svg.rectangle(
          Self.labelWidth + Double(column) * cell, y, cell - 0.5, Self.rowHeight - 1, class: "heat",
          style: "--depth:\(Int((8 + 92 * depth).rounded()))%",
          tip: "\(name), \(xLabel) \(columns[column]): \(short(value))")
      }
    }
    // As many labels as fit beside each other.
    let stride = max(1, (columns.count * 34 + Int(plot) - 1) / Int(plot))
    for (column, name) in columns.enumerated() where column.isMultiple(of: stride) {
      svg.text(
        Self.labelWidth + (Double(column) + 0.5) * cell, height - 24, name, class: "tick middle")
    }
    svg.text(Self.labelWidth + plot / 2, height - 6, xLabel, class: "tick middle")
    return figure("\(title): \(short(low)) (faint) to \(short(high)) (full)", svg.text())
  }
}
