import ArgumentParser
import Foundation
import Fuzzing

/// Runs many hostile files of each format through its reader and prints a table of what came of
/// them.
#if !COVERAGE_GUIDED
  @main
#endif
struct FuzzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tetrajet-fuzz",
    abstract: "Run hostile files of every format through the readers.",
    discussion: """
      The exit status is 1 where a case broke a promise; its file is kept in the folder. After a \
      crash the file that was read last lies there.
      """)

  @Argument(help: "The formats; all where none is named.")
  var formats: [String] = []

  @Option(help: "Cases of each format.")
  var cases = 200_000

  @Option(help: "The seed that all cases follow from.")
  var seed: UInt64 = 1

  @Option(help: "Where the files lie; best in memory.")
  var folder = "\(NSTemporaryDirectory())/tetrajet-fuzz"

  @Option(help: "A file to run once in place of mutations, as one that was kept.")
  var input: String?

  func run() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let targets = try FuzzTarget.all(in: folder)
    if let stranger = formats.first(where: { name in !targets.contains { $0.name == name } }) {
      throw ValidationError(
        "no format '\(stranger)'; there are \(targets.map(\.name).joined(separator: ", "))")
    }
    print(FuzzReport.heading)
    var isClean = true
    for target in targets where formats.isEmpty || formats.contains(target.name) {
      let report = try report(of: target)
      print(report.row)
      for finding in report.findings.prefix(20) { print("  \(finding)") }
      if report.findings.count > 20 { print("  … \(report.findings.count) in all") }
      fflush(nil)
      isClean = isClean && report.findings.isEmpty
    }
    if !isClean { throw ExitCode(1) }
  }

  private func report(of target: FuzzTarget) throws -> FuzzReport {
    var campaign = FuzzCampaign(target, seed: seed)
    if let input {
      try campaign.run(Array(Data(contentsOf: URL(fileURLWithPath: input))))
      print(campaign.report.lastError)
      return campaign.report
    }
    try campaign.runSeeds()
    while campaign.report.cases < cases {
      // A case that never ends ends the process; each may take seconds.
      alarm(60)
      try campaign.run(cases: min(20, cases - campaign.report.cases))
    }
    alarm(0)
    return campaign.report
  }
}
