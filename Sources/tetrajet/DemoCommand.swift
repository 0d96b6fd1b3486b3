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
      that oscillate. Both in the second half of training; in fp32, of the weights as they would be \
      quantized.
      """)

  @Option(help: "Passes over the training images. (default: the digits' own)")
  var epochs: Int?

  @Option(help: "The seed of everything random.")
  var seed = 0

  @Option(help: "Keep the run folders here. (default: they are removed)")
  var output: String?

  @Flag(help: "Print one JSON object a line and method: its summary, and its folder if it is kept.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func run() throws {
    noteDebugBuild()
    let lifeline = try Lifeline()
    StopSignals.install(passingOnTo: lifeline)
    StopSignals.begin()
    let temporary = try output == nil ? TemporaryFolder("tetrajet-demo") : nil
    let folder = temporary?.path ?? output!
    defer { withExtendedLifetime(temporary) {} }
    var rows: [[String]] = []
    var progress = DemoProgress(
      methods: Method.allCases.count, epochs: epochs ?? Recipe.digits.training.epochs)
    writeError("\(progress.announcement)\n")
    for method in Method.allCases {
      let run = "\(folder)/\(method.rawValue)"
      writeError("\n\(progress.heading(method))\n")
      let start = ContinuousClock.now
      try train(method, into: run, lifeline)
      progress.finished(seconds: start.duration(to: .now).inSeconds)
      let summary = try RunSummary(path: RunDirectory.summary(of: run))
      if json {
        try printLine(summary.line(output: output == nil ? nil : run).text)
      }
      rows.append([
        summary.method, fixed(summary.evalTop1, 2), fixed(summary.evalLoss, 4),
        summary.rateOfChangeQuantizedWeight.map { fixed(1000 * $0, 2) } ?? "-",
        summary.oscillatingShare.map { fixed(100 * $0, 2) } ?? "-",
        fixed(summary.imagesPerSecond, 0), fixed(summary.peakMemoryMB, 0),
        fixed(summary.seconds, 1),
      ])
    }
    if !json { try show(rows) }
    if let output { writeError("The runs are in \(output).\n") }
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

  private func train(_ method: Method, into run: String, _ lifeline: Lifeline) throws {
    let child = try ChildProcess(
      Bundle.main.executablePath!,
      [
        "train", "--data", "digits", "--method", method.rawValue, "--seed", "\(seed)", "--output",
        run, "--threads", "\(threading.count)", "--set", "training.evaluate_every=10",
      ] + (epochs.map { ["--epochs", "\($0)"] } ?? []),
      environment: ProcessInfo.processInfo.environment, lifeline: lifeline)
    let ending = child.wait()
    if StopSignals.request.isStopping { throw ExitCode(StopSignals.status) }
    switch ending {
    case .exited(0): break
    // The child has said what is wrong.
    case .exited(let status): throw ExitCode(status)
    case .killed(let signal):
      writeError("tetrajet: the training by \(method.rawValue) was killed by signal \(signal)\n")
      throw ExitCode(128 + signal)
    }
  }
}
