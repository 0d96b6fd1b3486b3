import ArgumentParser
import Files
import Foundation
import Reports
import Training

/// What a sweep would train, and what that takes: from some steps of one run of each row.
struct SweepEstimate {
  /// What `train --dry-run --json` says.
  private struct Trial: Decodable {
    let seconds: Double
    let parameters: Int
    let estimated_memory_mb: Double
  }

  private let runs: [StudyGrid.Run]
  private let folder: StudyFolder
  private let jobs, threads: Int

  init(_ runs: [StudyGrid.Run], in folder: StudyFolder, jobs: Int, threads: Int) {
    (self.runs, self.folder, self.jobs, self.threads) = (runs, folder, jobs, threads)
  }

  /// Bytes that a finished run leaves for each parameter: weights twice, and two checkpoints with moments.
  private static let bytesAParameter = 4.0 * (2 + 2 * 3)

  /// Prints a line a row, and the sums.
  ///
  /// - Throws: `FileError`; where a row cannot be tried out, the exit status of its run, which has said why.
  func show() throws {
    let temporary = try TemporaryFolder("tetrajet-sweep")
    let lifeline = try Lifeline()
    StopSignals.install(passingOnTo: lifeline)
    let rows = runs.rows
    var (count, seconds, bytes, memory) = (0, 0.0, 0.0, 0.0)
    for (name, own) in rows {
      let open = own.filter { folder.state($0) != .finished }
      let seeds = own.map { "\($0.recipe.seed)" }.joined(separator: ", ")
      guard let first = open.first else {
        try printLine(oneLine("\(name): seeds \(seeds), all finished"))
        continue
      }
      count += open.count
      let trial = try tryOut(first, in: temporary.path, lifeline)
      seconds += trial.seconds * Double(open.count)
      bytes += Self.bytesAParameter * Double(trial.parameters) * Double(open.count)
      memory = max(memory, trial.estimated_memory_mb)
      try printLine(
        oneLine(
          "\(name): seeds \(seeds); \(counted(open.count, "run")) to train, "
            + "\(duration(trial.seconds)) each, \(fixed(trial.estimated_memory_mb, 0)) MiB"))
    }
    let wait = seconds / Double(max(1, min(jobs, count)))
    try printLine(
      "\(counted(runs.count, "run")) in \(counted(rows.count, "row")), \(count) to train: about "
        + duration(wait) + (wait >= 3600 ? " (\(fixed(wait / 3600, 1)) hours)" : "")
        + ", \(fixed(bytes / 1e9, 2)) GB, up to \(fixed(memory * Double(jobs), 0)) MiB of memory")
  }

  private func tryOut(
    _ run: StudyGrid.Run, in path: String, _ lifeline: Lifeline
  ) throws -> Trial {
    let (recipe, log) = ("\(path)/\(run.folder).yaml", "\(path)/\(run.folder).log")
    try writeFileAtomically(recipe, text: run.recipe.yaml)
    let child = try ChildProcess(
      Bundle.main.executablePath!,
      [
        "train", recipe, "--dry-run", "--json", "--threads", "\(threads)", "--output",
        "\(path)/\(run.folder)",
      ], environment: ProcessInfo.processInfo.environment, lifeline: lifeline, log: log)
    let ending = child.wait()
    let lines = String(decoding: try readFile(log, limit: 1 << 20), as: UTF8.self)
      .split(whereSeparator: \.isNewline)
    guard ending == .exited(0), let line = lines.last(where: { $0.hasPrefix("{") }) else {
      writeError(lines.last.map { "\($0)\n" } ?? "")
      guard case .exited(let status) = ending, status != 0 else { throw ExitCode(70) }
      throw ExitCode(status)
    }
    return try parseJSON(line.utf8)
  }
}
