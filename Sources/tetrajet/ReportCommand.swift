import ArgumentParser
import Foundation
import Reports
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

  @Option(
    help: ArgumentHelp(
      "The epochs whose distributions are drawn over each other, as in 1,30,90. (default: the first, the middle, the last)",
      valueName: "epochs"))
  var epochs: String?

  @Option(
    help: "The layer whose confidence is drawn, as in blocks.3.mlp.fc1. (default: the least sure)")
  var layer: String?

  @Option(
    help: ArgumentHelp(
      "The recipe that differences over equal seeds are taken to, as for compare.",
      valueName: "recipe"))
  var baseline: String?

  @OptionGroup var outputs: OutputOption

  private var chosenEpochs: [Double] {
    get throws {
      try (epochs ?? "").split(separator: ",").map { word in
        let text = word.trimmingCharacters(in: .whitespaces)
        guard let epoch = Double(text), epoch.isFinite, epoch >= 0 else {
          throw ValidationError("--epochs has '\(text)'; it takes numbers, as in 1,30,90")
        }
        return epoch
      }
    }
  }

  func run() throws {
    let target = try outputs.file(output, inputs: runs.flatMap(RunDirectory.files(of:)))
    let records = try runs.map(RunRecord.init(path:))
    var options = ReportPage.Options()
    (options.epochs, options.layer, options.baseline) = (try chosenEpochs, layer, baseline)
    try target.write(text: ReportPage(records, title: title, options: options).html)
    writeNotes(records, RunGroup.grouped(records))
    writeError("runs on the page: \(records.count); \(output)\n")
  }
}
