import ArgumentParser
import Files
import Foundation
import MXRuntime
import Reports
import Training

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Train a grid of recipes with several seeds, and print the table.",
    discussion: """
      GRID.yaml says what is trained:

        base: cifar10_small.yaml       # a recipe, by its path from this file
        set: {training.epochs: 20}     # keys of all runs
        rows:                          # rows of the table, by name
          - {name: TetraJet, method: tetrajet}
          - {name: floor, method: tetrajet, quantizers.q1.scale: floor}
        axes:                          # keys of which all values are tried
          seed: 0...2
        baseline: TetraJet             # differences are taken to this row
        except:                        # combinations that are left out
          - {quantizers.q1.scale: floor, seed: 2}

      Each run is a process of its own in OUTPUT/runs; what it prints is in OUTPUT/logs. A sweep that was stopped or killed \
      goes on where it was, to the bit: give the same command again. Tables are OUTPUT/table.md, .csv, .tex and .json, written \
      after every run. A run that fails does not stop the others.
      """)

  @Argument(help: "The grid in YAML.", completion: .file(extensions: ["yaml", "yml"]))
  var grid: String

  @Option(name: [.short, .long], help: "The study's folder, which may be there.")
  var output: String

  @Option(help: ArgumentHelp("Runs at a time, which share the threads.", valueName: "n"))
  var jobs = 1

  @Option(help: ArgumentHelp("A recipe instead of the grid's base.", valueName: "file"))
  var base: String?

  @Option(help: ArgumentHelp("The images, as for train.", valueName: "path"))
  var data: String?

  @Option(
    help: ArgumentHelp("Set a recipe key of all runs. May be repeated.", valueName: "key=value"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "The table's columns, as in eval_top1,peak_memory_mb: \(StudyColumn.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "names"))
  var columns: String?

  @Flag(help: "Train nothing: say which runs there are, and how long they will take.")
  var dryRun = false

  @OptionGroup var threading: ThreadOption

  func validate() throws {
    guard (1...1024).contains(jobs) else {
      throw ValidationError("--jobs is \(jobs); it must be from 1 to 1024")
    }
  }

  func run() throws {
    noteDebugBuild()
    let columns = try chosenColumns
    let grid = try StudyGrid(path: grid)
    let settings =
      (data.map { [RecipeSetting("data.path", $0, flag: "--data")] } ?? [])
      + (try set.map { try RecipeSetting(assignment: $0) })
    let runs = try grid.runs(base: base, settings: settings)
    let folder = StudyFolder(output)
    try folder.check(runs)
    if dryRun { return try SweepEstimate(runs, in: folder, jobs: jobs, threads: threads).show() }
    let lifeline = try Lifeline()
    StopSignals.install(passingOnTo: lifeline)
    StopSignals.begin()
    let lock = try folder.prepare(runs)
    defer { withExtendedLifetime(lock) {} }
    let waiting = runs.filter { folder.state($0) != .finished }
    writeError(
      "\(counted(runs.count, "run")), \(runs.count - waiting.count) of them finished; "
        + "\(counted(jobs, "run")) at a time on \(counted(threads, "thread")) each; tables in \(output)\n"
    )
    let baseline = grid.baseline
    @Sendable func writeTables() throws {
      try Self.table(runs, folder, columns, baseline).write { folder.table($0) }
    }
    let failures = try SweepRunner(
      waiting, finished: runs.count - waiting.count, in: folder, jobs: min(jobs, runs.count),
      threads: threads, lifeline: lifeline, onFinish: writeTables
    ).run()
    if StopSignals.request.isStopping {
      writeError("stopped; what is done is kept, and the same command goes on\n")
      throw ExitCode(StopSignals.status)
    }
    try writeTables()
    try printLine(
      Self.table(runs, folder, columns, baseline)
        .text(width: TerminalSize.columns(of: STDOUT_FILENO)))
    guard let first = failures.first else { return }
    writeError("\(counted(failures.count, "run")) of \(runs.count) failed:\n")
    for failure in failures {
      writeError(oneLine("  \(failure.run.folder): \(failure.text)") + "\n")
    }
    throw ExitCode(first.status)
  }

  /// Of each run.
  private var threads: Int { max(1, threading.count / jobs) }

  private var chosenColumns: [StudyColumn] {
    get throws {
      guard let columns else { return StudyColumn.usual }
      return try columns.split(separator: ",").map { word in
        let name = word.trimmingCharacters(in: .whitespaces)
        guard let column = StudyColumn(rawValue: name) else {
          let nearest = nearestName(to: name, among: StudyColumn.allCases.map(\.rawValue))
          throw ValidationError(
            "--columns has '\(name)'\(nearest.map { "; did you mean '\($0)'?" } ?? "; see --help")")
        }
        return column
      }
    }
  }

  private static func table(
    _ runs: [StudyGrid.Run], _ folder: StudyFolder, _ columns: [StudyColumn], _ baseline: String?
  ) throws -> StudyTable {
    StudyTable(
      try runs.rows.map { name, runs in
        let finished = runs.filter { folder.state($0) == .finished }
        return (name, try finished.map { try RunRecord(path: folder.folder($0)) })
      }, columns: columns, baseline: baseline)
  }
}
