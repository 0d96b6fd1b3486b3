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

      With --baseline a second table says how far the other recipes are from that one over the same seeds, which start from \
      the same weights and see the same images: the mean difference with its 95 % interval, the probability that random \
      signs of the differences (a sign-flip test) make as large a one, how many seeds would show it, and, where there is \
      a recipe of the method fp32, which share of the gap to it is closed.

      On a terminal the table is as wide as that; elsewhere every row is one line.

        tetrajet compare runs/*
        tetrajet compare runs/* --baseline tetrajet
      """)

  @Argument(help: "Run folders.")
  var runs: [String]

  @Option(
    help: ArgumentHelp(
      "The recipe that differences are taken to: a row's name, or a method that only one row has.",
      valueName: "recipe"))
  var baseline: String?

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
    let differences = try baseline.map { try Differences.all(groups, from: $0) }
    if json {
      for row in comparison.rows {
        var line = Comparison.line(row)
        if let own = differences?.first(where: { $0.label == row.label }) {
          line.add("difference", own.json)
        }
        try printLine(line.text)
      }
    } else {
      let columns = width ?? TerminalSize.columns(of: STDOUT_FILENO)
      try printLine(ComparisonTable(comparison).text(width: columns))
      if let baseline, let table = DifferencesTable(differences ?? [], baseline: baseline) {
        try printLine("\n" + table.text(width: columns))
      }
    }
    writeNotes(records, groups)
  }
}

/// Says what a reader of these runs should know of them: unfinished, damaged, of another version, there twice.
func writeNotes(_ runs: [RunRecord], _ groups: [RunGroup]) {
  let notes = runs.flatMap { run in run.notes.map { "\(run.path): \($0)" } }
  for note in notes + groups.flatMap(\.notes) { writeError(oneLine(note) + "\n") }
}
