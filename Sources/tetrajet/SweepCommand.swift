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

      'base' can have several recipes by name, of which each has all rows; 'for' in a row then has keys of single ones. 'published' in \
      a row is what others measured; 'columns' are the table's, 'figures' says what the page shows (epochs, layer).

      Each run is a process of its own in OUTPUT/runs; what it prints is in OUTPUT/logs. A sweep that was stopped or killed \
      goes on where it was, to the bit: give the same command again. Tables are OUTPUT/table.md, .csv, .tex and .json, written \
      after every run; OUTPUT/report.html has the figures. A run that fails does not stop the others.
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
    help: ArgumentHelp(
      "Seeds instead of the grid's, as in 0...4 or 0,1,7.", valueName: "numbers"))
  var seeds: String?

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
    try RankGroup.refuse(command: "sweep")
    let chosen = try chosenColumns
    let grid = try StudyGrid(path: grid)
    let columns = chosen ?? grid.columns ?? StudyColumn.usual
    let settings =
      (data.map { [RecipeSetting("data.path", $0, flag: "--data")] } ?? [])
      + (try set.map { try RecipeSetting(assignment: $0) })
    let runs = try grid.runs(
      base: base, settings: settings, seeds: try seeds.map(StudyGrid.seeds))
    let folder = StudyFolder(output)
    try folder.check(runs)
    if dryRun { return try SweepEstimate(runs, in: folder, jobs: jobs, threads: threads).show() }
    let study = Study(runs, in: folder, columns: columns, jobs: jobs, threads: threads)
    let failures = try study.train(
      greeting: "tables in \(output)",
      farewell: "what is done is kept, and the same command goes on")
    let table = try study.writeTable()
    try study.writePage(
      title: URL(fileURLWithPath: self.grid).deletingPathExtension().lastPathComponent,
      grid.figures)
    try printLine(table.text(width: TerminalSize.columns(of: STDOUT_FILENO)))
    guard let first = failures.first else { return }
    writeError("\(counted(failures.count, "run")) of \(runs.count) failed:\n")
    for failure in failures {
      writeError(oneLine("  \(failure.run.folder): \(failure.text)") + "\n")
    }
    throw ExitCode(first.status)
  }

  /// Of each run.
  private var threads: Int { max(1, threading.count / jobs) }

  private var chosenColumns: [StudyColumn]? {
    get throws {
      try columns?.split(separator: ",").map { word in
        do {
          return try StudyColumn(named: word.trimmingCharacters(in: .whitespaces))
        } catch {
          throw ValidationError("--columns: \(error)")
        }
      }
    }
  }
}
