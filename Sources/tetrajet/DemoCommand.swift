import ArgumentParser
import Files
import Foundation
import MXRuntime
import Reports
import Training

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Train on the built-in digits by every method and print the comparison.",
    discussion: """
      1,437 handwritten digits of 8 × 8 pixels for training, 360 for the test. Each method trains the \
      same small ViT, with the same seed, in a process of its own, so that its peak memory is its own.

      r(W_Q): by how many thousandths a step changes the quantized weights. R_w>16: the share of weights \
      that oscillate. Both in the second half of training; in fp32, bf16 and int4-xi, of the weights as \
      TetraJet would quantize them.
      """)

  @Option(help: "Passes over the training images. (default: the digits' own)")
  var epochs: Int?

  @Option(help: "The seed of everything random.")
  var seed = 0

  @Option(
    help: "Keep the runs here; given again, it goes on with them. (default: they are removed)")
  var output: String?

  @Flag(help: "Print one JSON object a line and method: its summary, and its folder if it is kept.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func run() throws {
    noteDebugBuild()
    try RankGroup.refuse(command: "demo")
    let temporary = try output == nil ? TemporaryFolder("tetrajet-demo") : nil
    defer { withExtendedLifetime(temporary) {} }
    let methods = Method.allCases.map(\.rawValue)
    let grid = try StudyGrid(
      yaml: """
        set: {data.path: digits, training.evaluate_every: 10}
        axes: {method: [\(methods.joined(separator: ", "))]}
        """, path: "demo")
    let study = Study(
      try grid.runs(
        settings: epochs.map { [RecipeSetting("training.epochs", "\($0)", flag: "--epochs")] }
          ?? [],
        seeds: [RecipeSetting("seed", "\(seed)", flag: "--seed")]),
      in: StudyFolder(output ?? "\(temporary!.path)/study"), columns: StudyColumn.usual,
      threads: threading.count)
    try study.folder.check(study.runs)
    let failures = try study.train(
      greeting: "digits, by every method",
      farewell: output == nil
        ? "nothing is kept" : "what is done is kept, and the same command goes on")
    if let first = failures.first { throw ExitCode(first.status) }
    var rows: [[String]] = []
    for run in study.runs {
      let folder = study.folder.folder(run)
      let summary = try RunSummary(path: RunDirectory.summary(of: folder))
      if json { try printLine(summary.line(output: output == nil ? nil : folder).text) }
      rows.append([
        summary.method, fixed(summary.evalTop1, 2), fixed(summary.evalLoss, 4),
        summary.rateOfChangeQuantizedWeight.map { fixed(1000 * $0, 2) } ?? "-",
        summary.oscillatingShare.map { fixed(100 * $0, 2) } ?? "-",
        fixed(summary.imagesPerSecond, 0), fixed(summary.peakMemoryMB, 0),
        fixed(summary.seconds, 1),
      ])
    }
    if !json { try show(rows) }
    if let output { writeError("The runs are in \(output)/runs.\n") }
    if !json { showNextStep() }
  }

  private func show(_ rows: [[String]]) throws {
    writeError("\n")
    try printLine("Digits, \(counted(threading.count, "thread")), seed \(seed):")
    try printLine(
      table(
        [
          "method", "top-1 %", "test loss", "r(W_Q) ‰", "R_w>16 %", "images/s", "peak MiB",
          "seconds",
        ], rows))
  }

  /// By the name that this command was called by.
  private func showNextStep() {
    let command = CommandLine.arguments[0]
    writeError(
      """

      Next, your own photos, one folder a class:
        \(command) data FOLDER                              what is there
        \(command) train --data FOLDER --output runs/first  trains on it

      """)
  }
}
