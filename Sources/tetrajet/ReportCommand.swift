import ArgumentParser
import Foundation
import Reports
import Runtime
import Training

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Draw runs on one page of HTML: table, curves, oscillation, distributions.",
    discussion: """
      The page is one file that needs no network. Runs whose recipes differ by seed only are put together: means with \
      their spread. Unfinished, broken-off and old runs are welcome; the page says what they are.

        tetrajet report runs/* -o report.html
      """)

  @Argument(help: "Run folders.")
  var runs: [String]

  @Option(name: [.short, .long], help: "The page to write ('-' for standard output).")
  var output = "report.html"

  @Option(help: "The heading of the page.")
  var title = "Training runs"

  @OptionGroup var outputs: OutputOption

  func run() throws {
    let target = try outputs.file(output, inputs: runs.flatMap(RunDirectory.files(of:)))
    let records = try runs.map(RunRecord.init(path:))
    try target.write(text: ReportPage(records, title: title).html)
    writeNotes(records, RunGroup.grouped(records))
    writeError("runs on the page: \(records.count); \(output)\n")
  }
}
