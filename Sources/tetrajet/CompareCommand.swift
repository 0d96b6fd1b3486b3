import ArgumentParser
import Reports
import Runtime

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Set runs side by side in a table.",
    discussion: """
      One row a recipe: means and standard deviations over its seeds. * marks the highest top-1, ≈ one within noise of it \
      (two standard errors of the difference).

        tetrajet compare runs/*
      """)

  @Argument(help: "Run folders.")
  var runs: [String]

  @Flag(help: "Print one JSON object a row.")
  var json = false

  func run() throws {
    let records = try runs.map(RunRecord.init(path:))
    let comparison = Comparison(RunGroup.grouped(records))
    if json {
      for row in comparison.rows { try printLine(Comparison.line(row).text) }
    } else {
      try printLine(table(Comparison.header, comparison.rows.map(Comparison.cells)))
    }
    writeNotes(records)
  }
}

/// Says what a reader of these runs should know of them: unfinished, damaged, of another version.
func writeNotes(_ runs: [RunRecord]) {
  for run in runs {
    for note in run.notes { writeError("\(run.path): \(note)\n") }
  }
}
