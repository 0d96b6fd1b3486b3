extension FuzzReport {
  /// The head of a table of reports, in Markdown.
  package static let heading = """
    | format | cases | read | refused | slowest, ms | largest allocation, KiB | most at a time, KiB \
    | beyond tables, in sizes |
    |---|---|---|---|---|---|---|---|
    """

  /// This report's line of the table.
  package var row: String {
    let milliseconds =
      Double(slowest.components.attoseconds) / 1e15
      + Double(slowest.components.seconds) * 1e3
    let fields = [
      name, "\(cases)", "\(accepted)", "\(cases - accepted)", rounded(milliseconds),
      "\((largest + 1023) / 1024)", "\((livePeak + 1023) / 1024)", rounded(ratio),
    ]
    return "| " + fields.joined(separator: " | ") + " |"
  }

  private func rounded(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
