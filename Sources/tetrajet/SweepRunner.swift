import Files
import Foundation
import Reports
import Synchronization
import Training

/// Trains the runs of a study, some at a time, each in a process of its own.
final class SweepRunner: Sendable {
  /// A run that did not come to its end.
  struct Failure: Sendable {
    let run: StudyGrid.Run
    let status: Int32
    let text: String
  }

  private struct State {
    var waiting: ArraySlice<StudyGrid.Run>
    var running: [StudyGrid.Run] = []
    /// The table of what is finished.
    var table: [String]
    var done = 0
    /// Of the runs that were trained here.
    var seconds: [Double] = []
    var failures: [Failure] = []
  }

  private let folder: StudyFolder
  private let jobs, threads, total: Int
  private let lifeline: Lifeline
  private let onFinish: @Sendable () throws -> [String]
  private let state: Mutex<State>

  /// - Parameters:
  ///   - runs: those that are not finished.
  ///   - finished: how many others are.
  ///   - threads: of each.
  ///   - table: of the finished ones, in lines.
  ///   - onFinish: is called after each run, by one thread at a time, for the table that there is then.
  init(
    _ runs: [StudyGrid.Run], finished: Int, in folder: StudyFolder, jobs: Int, threads: Int,
    lifeline: Lifeline, table: [String], onFinish: @escaping @Sendable () throws -> [String]
  ) {
    (self.folder, self.jobs, self.threads, self.lifeline) = (folder, jobs, threads, lifeline)
    self.onFinish = onFinish
    total = runs.count + finished
    state = Mutex(State(waiting: runs[...], table: table, done: finished))
  }

  /// Trains them all, whatever becomes of single ones.
  ///
  /// - Returns: those that failed.
  /// - Throws: where they could not be started, or the tables not be written.
  func run() throws -> [Failure] {
    let problem = Mutex<(any Error)?>(nil)
    let group = DispatchGroup()
    for _ in 0..<jobs {
      group.enter()
      Thread.detachNewThread {
        do {
          while let run = self.next() { try self.train(run) }
        } catch {
          self.state.withLock { $0.waiting = [] }
          problem.withLock { $0 = $0 ?? error }
        }
        group.leave()
      }
    }
    while group.wait(timeout: .now() + 2) == .timedOut { state.withLock { draw($0) } }
    if let error = problem.withLock({ $0 }) { throw error }
    return state.withLock { $0.failures }
  }

  private func next() -> StudyGrid.Run? {
    if StopSignals.request.isStopping { return nil }
    return state.withLock { state in
      guard let run = state.waiting.popFirst() else { return nil }
      state.running.append(run)
      draw(state)
      return run
    }
  }

  private func train(_ run: StudyGrid.Run) throws {
    waitForForsaken(run)
    if StopSignals.request.isStopping { return }
    var arguments = ["train", "--threads", "\(threads)"]
    switch folder.state(run) {
    case .begun: arguments += ["--resume", folder.folder(run)]
    default:
      folder.clear(run)
      arguments += [folder.recipe(run), "--output", folder.folder(run)]
    }
    let start = ContinuousClock.now
    let child = try ChildProcess(
      Bundle.main.executablePath!, arguments, environment: ProcessInfo.processInfo.environment,
      lifeline: lifeline, log: folder.log(run))
    let ending = child.wait()
    let seconds = start.duration(to: .now).inSeconds
    try state.withLock { state in
      state.running.removeAll { $0.folder == run.folder }
      if StopSignals.request.isStopping { return }
      switch ending {
      case .exited(0):
        state.done += 1
        state.seconds.append(seconds)
        say(run, seconds, state)
        state.table = try onFinish()
      case .exited(let status):
        let text = folder.complaint(run) ?? "it ended with \(status)"
        fail(run, status, text, &state)
      case .killed(let signal):
        fail(run, 128 + signal, "it was killed by signal \(signal)", &state)
      }
      draw(state)
    }
  }

  /// Waits until nobody else trains a run: where a sweep was killed, its runs save what they have before they end.
  private func waitForForsaken(_ run: StudyGrid.Run) {
    var isSaid = false
    while case .taken(let holder) = FolderLock.attempt(folder.folder(run)),
      !StopSignals.request.isStopping
    {
      if !isSaid {
        writeError(oneLine("\(run.folder) waits for \(holder), which still trains it") + "\n")
      }
      isSaid = true
      Thread.sleep(forTimeInterval: 0.1)
    }
  }

  private func fail(_ run: StudyGrid.Run, _ status: Int32, _ text: String, _ state: inout State) {
    state.failures.append(Failure(run: run, status: status, text: text))
    writeError(oneLine("\(run.folder) failed: \(text)") + "\n")
  }

  private func say(_ run: StudyGrid.Run, _ seconds: Double, _ state: State) {
    let summary = try? RunSummary(path: RunDirectory.summary(of: folder.folder(run)))
    let score = summary.map { ", top-1 \(fixed($0.evalTop1, 2)) %" } ?? ""
    writeError(
      oneLine("\(state.done) of \(total): \(run.folder)\(score), \(duration(seconds))")
        + (left(state).map { "; about \($0) left" } ?? "") + "\n")
  }

  /// How long the others may take.
  private func left(_ state: State) -> String? {
    let others = state.waiting.count + state.running.count
    guard others > 0, !state.seconds.isEmpty else { return nil }
    let mean = state.seconds.reduce(0, +) / Double(state.seconds.count)
    return duration(mean * Double(others) / Double(min(jobs, others)))
  }

  /// The table and a line below it on a terminal, while they run.
  private func draw(_ state: State) {
    guard Terminal.canRedraw, !state.running.isEmpty else { return }
    StatusLine.draw(
      [
        .text("\(state.done) of \(total)", rank: 4),
        .bar(Double(state.done) / Double(total), rank: 3),
      ] + (left(state).map { [.text("about \($0) left", rank: 2)] } ?? []),
      above: state.table + [state.running.map(place).joined(separator: ", ")])
  }

  /// A run, and how far it is.
  private func place(_ run: StudyGrid.Run) -> String {
    let epochs = run.recipe.training.epochs
    return run.folder + (folder.epoch(run).map { " \($0)/\(epochs)" } ?? "")
  }
}
