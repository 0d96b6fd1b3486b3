/// A value for each row and column as the depth of a colour.
package struct HeatMap {
  private let title: String
  private let rows, columns: [String]
  private let values: [[Double?]]
  private let xLabel: String
  private let turnsColumns: Bool

  /// - Parameters:
  ///   - values: row by row; nil where there is no value.
  ///   - xLabel: what stands under the columns.
  ///   - turnsColumns: whether the columns' names stand upright, and so each has its place, however long.
  package init(
    title: String, rows: [String], columns: [String], values: [[Double?]], xLabel: String,
    turnsColumns: Bool = false
  ) {
    self.turnsColumns = turnsColumns
    (self.title, self.rows, self.columns) = (title, rows, columns)
    (self.values, self.xLabel) = (values, xLabel)
  }

  private static let (width, labelWidth) = (440.0, 150.0)
  /// Few rows are higher, so that they are squares rather than stripes.
  private var rowHeight: Double { min(22, max(13, 260 / Double(max(1, rows.count)))) }

  /// The chart as a figure, its range in the title.
  package var html: String {
    let all = values.flatMap { $0.compactMap { $0 }.filter(\.isFinite) }
    guard let low = all.min(), let high = all.max(), !columns.isEmpty else { return "" }
    let plot = Self.width - Self.labelWidth - 4
    let cell = plot / Double(columns.count)
    let names = turnsColumns ? 12 + 5.5 * Double(columns.map(\.count).max() ?? 0) : 0
    let height = Double(rows.count) * rowHeight + 38 + names
    var svg = SVG(width: Self.width, height: height, label: title)
    for (row, name) in rows.enumerated() {
      let y = Double(row) * rowHeight
      svg.text(Self.labelWidth - 6, y + rowHeight / 2 + 3.5, name, class: "small end")
      for (column, value) in values[row].enumerated() {
        guard let value, value.isFinite else { continue }
        // Halves, since the difference of two numbers can be infinite.
        let depth = high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5
        svg.rectangle(
          Self.labelWidth + Double(column) * cell, y, cell - 0.5, rowHeight - 1, class: "heat",
          style: "--depth:\(n((8 + 92 * depth).rounded()))%",
          tip: "\(name), \(xLabel) \(columns[column]): \(short(value))")
      }
    }
    // As many labels as fit beside each other.
    let labelWidth = turnsColumns ? 10 : 34
    let stride = max(1, (columns.count * labelWidth + Int(plot) - 1) / Int(plot))
    for (column, name) in columns.enumerated() where column.isMultiple(of: stride) {
      let x = Self.labelWidth + (Double(column) + 0.5) * cell
      if turnsColumns {
        svg.text(x + 3, height - 30 - names + 12, name, class: "small end", isUpright: true)
      } else {
        svg.text(x, height - 24, name, class: "tick middle")
      }
    }
    svg.text(Self.labelWidth + plot / 2, height - 6, xLabel, class: "tick middle")
    return figure("\(title): \(short(low)) (faint) to \(short(high)) (full)", svg.text())
  }
}
