import ArgumentParser
import Files
import Foundation
import MXRuntime
import Ranks
import Synchronization

/// The ranks that this process is one of, if `mpirun` or the like has started it.
enum RankGroup {
  private static let launch = Launch(ProcessInfo.processInfo.environment)
  private static let joined = Mutex<MPIRanks?>(nil)
  private static var ranks: MPIRanks? { joined.withLock { $0 } }

  /// Joins the others; alone, where there are none.
  ///
  /// - Throws: `LaunchError`, `RanksError`.
  static func join() throws -> any Ranks {
    guard let launch else { return Alone() }
    guard MPIRanks.isBuilt else { throw refusal(launch, .isNotBuilt) }
    let ranks = try MPIRanks()
    joined.withLock { $0 = ranks }
    guard ranks.count == launch.count else {
      ranks.willEnd()
      throw refusal(launch, .otherLibrary)
    }
    return ranks
  }

  /// Refuses to be one of several that would each do the same.
  ///
  /// - Throws: `LaunchError`.
  static func refuse(command: String) throws {
    if let launch { throw refusal(launch, .startsItsOwn(command)) }
  }

  /// All come here; one says it.
  private static func refusal(_ launch: Launch, _ problem: LaunchError.Problem) -> any Error {
    launch.rank == 0
      ? LaunchError(launch: launch, problem: problem) : ExitCode(ErrorCategory.usage.rawValue)
  }

  /// Whether an error of this process is still to be told: the first one tells what all know.
  static var speaks: Bool { ranks?.speaks ?? true }

  /// Whether this is the process that prints.
  static var isFirst: Bool { ranks?.isFirst ?? true }

  /// Takes leave before the process ends.
  static func leave(status: Int32) { ranks?.end(status: status) }

  /// As many threads as this rank has processors: those of the machine are shared with the ranks beside it.
  static var threads: Int? {
    guard ranks != nil else { return nil }
    let beside = Launch.ranksOfThisMachine(ProcessInfo.processInfo.environment) ?? 1
    return min(
      ProcessorCount.current, max(1, ProcessInfo.processInfo.processorCount / beside))
  }
}

/// Several processes were started, and cannot find each other.
struct LaunchError: ReportableError {
  enum Problem { case isNotBuilt, otherLibrary, startsItsOwn(_ command: String) }
  let launch: Launch
  let problem: Problem

  var description: String {
    switch problem {
    case .isNotBuilt:
      "\(launch.launcher) has started \(launch.count) processes, and this tetrajet was built without MPI: "
        + "'make mpi' builds .build/mpi/release/tetrajet"
    case .otherLibrary:
      "\(launch.launcher) has started \(launch.count) processes that do not see each other: this tetrajet "
        + "was built with another MPI; TETRAJET_MPI=mpich or ompi-c chooses one for 'make mpi'"
    case .startsItsOwn(let command):
      "\(launch.launcher) has started \(launch.count) processes, and '\(command)' starts those of its runs itself: "
        + "give the command alone"
    }
  }

  var category: ErrorCategory { .usage }
}
