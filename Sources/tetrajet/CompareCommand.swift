import ArgumentParser
import Files
import Foundation
import Reports

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Set runs side by side in a table.",
    discussion: """
      One row a recipe: means and standard deviations over its seeds. Where the images lay plays no part, and a seed that \
      is there twice counts once. A row is named by its method and by what is not as the method has it. * marks the \
      highest top-1, ≈ one that is not significantly lower (Welch's t-test, p ≥ 0.05).

      On a terminal the table is as wide as that; elsewhere every row is one line.

        tetrajet compare runs/*
      """)

  @Argument(help: "Run folders.")
  var runs: [String]

  @Flag(help: "Print one JSON object a row.")
  var json = false

  @Option(help: "Columns that the table may take. (default: those of the terminal)")
  var width: Int?

  func validate() throws {
    guard width.map({ (40...10_000).contains($0) }) ?? true else {
      throw ValidationError("--width is \(width ?? 0); it must be from 40 to 10000")
    }
  }

  func run() throws {
    let records = try runs.map(RunRecord.init(path:))
    let groups = RunGroup.grouped(records)
    let comparison = Comparison(groups)
    if json {
      for row in comparison.rows { try printLine(Comparison.line(row).text) }
    } else {
      try printLine(
        ComparisonTable(comparison).text(width: width ?? TerminalSize.columns(of: STDOUT_FILENO)))
    }
    writeNotes(records, groups)
  }
}

/// Says what a reader of these runs should know of them: unfinished, damaged, of another version, there twice.
func writeNotes(_ runs: [RunRecord], _ groups: [RunGroup]) {
  let notes = runs.flatMap { run in run.notes.map { "\(run.path): \($0)" } }
  for note in notes + groups.flatMap(\.notes) { writeError(oneLine(note) + "\n") }
}
