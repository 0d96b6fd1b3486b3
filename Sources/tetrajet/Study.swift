import ArgumentParser
import Files
import Reports
import Training

/// The runs of a grid in a folder: trains those that are not finished, and shows those that are.
struct Study: Sendable {
  let runs: [StudyGrid.Run]
  let folder: StudyFolder
  private let columns: [StudyColumn]
  private let jobs, threads: Int

  /// - Parameters:
  ///   - jobs: how many train at a time.
  ///   - threads: of each.
  init(
    _ runs: [StudyGrid.Run], in folder: StudyFolder, columns: [StudyColumn], jobs: Int = 1,
    threads: Int
  ) {
    (self.runs, self.folder, self.columns) = (runs, folder, columns)
    (self.jobs, self.threads) = (min(jobs, runs.count), threads)
  }

  /// Trains what is not finished; after each run the tables are written.
  ///
  /// - Parameters:
  ///   - greeting: ends the line before everything.
  ///   - farewell: ends the line where it is stopped.
  /// - Returns: the runs that failed.
  /// - Throws: `FileError`, `StudyError`; the exit status where it was stopped.
  func train(greeting: String, farewell: String) throws -> [SweepRunner.Failure] {
    let lifeline = try Lifeline()
    StopSignals.install(passingOnTo: lifeline)
    StopSignals.begin()
    let lock = try folder.prepare(runs)
    defer { withExtendedLifetime(lock) {} }
    let waiting = runs.filter { folder.state($0) != .finished }
    writeError(
      oneLine(
        "\(counted(runs.count, "run")), \(runs.count - waiting.count) of them finished; "
          + "\(counted(jobs, "run")) at a time on \(counted(threads, "thread")) each; \(greeting)")
        + "\n")
    let failures = try SweepRunner(
      waiting, finished: runs.count - waiting.count, in: folder, jobs: jobs, threads: threads,
      lifeline: lifeline, table: lines(try table)
    ) { lines(try writeTable()) }.run()
    if StopSignals.request.isStopping {
      writeError(oneLine("stopped; \(farewell)") + "\n")
      throw ExitCode(StopSignals.status)
    }
    return failures
  }

  /// What is finished, as a table.
  private var table: StudyTable {
    get throws {
      StudyTable(
        try runs.rows.map { name, runs in
          StudyTable.Source(
            name, try finished(runs), baseline: runs[0].baseline, published: runs[0].published)
        }, columns: columns)
    }
  }

  /// Writes the table in every layout.
  @discardableResult
  func writeTable() throws -> StudyTable {
    let table = try table
    try table.write { folder.table($0) }
    return table
  }

  /// Draws what is finished on one page.
  func writePage(title: String, _ figures: StudyGrid.Figures) throws {
    let records = try finished(runs)
    guard !records.isEmpty else { return }
    var options = ReportPage.Options()
    (options.epochs, options.layer) = (figures.epochs, figures.layer)
    options.names = Dictionary(uniqueKeysWithValues: runs.map { (folder.folder($0), $0.row) })
    // Where each base has a baseline of its own, there is none for all.
    let baselines = Set(runs.map(\.baseline))
    if baselines.count == 1, let baseline = baselines.first ?? nil,
      records.contains(where: { options.names[$0.path] == baseline })
    {
      options.baseline = oneLine(baseline)
    }
    func html() throws -> String { try ReportPage(records, title: title, options: options).html }
    do {
      try writeFileAtomically(folder.page, text: html())
    } catch let error as LayerChoiceError {
      // The grid speaks of a layer that its own base has.
      writeError(oneLine("\(error); the page shows the least sure one") + "\n")
      options.layer = nil
      try writeFileAtomically(folder.page, text: html())
    }
    writeError(oneLine("figures: \(folder.page)") + "\n")
  }

  private func finished(_ runs: [StudyGrid.Run]) throws -> [RunRecord] {
    try runs.filter { folder.state($0) == .finished }
      .map { try RunRecord(path: folder.folder($0)) }
  }

  /// As the terminal shows it while runs are trained.
  private func lines(_ table: StudyTable) -> [String] {
    table.text(width: TerminalSize.columns - 1).components(separatedBy: "\n") + [""]
  }
}
