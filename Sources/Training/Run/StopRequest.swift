import Runtime
import Synchronization

/// Asks a run to stop where it can go on later: from another thread, or from a signal handler, since it is one atomic flag.
public final class StopRequest: Sendable {
  private let flag = Atomic<Bool>(false)

  /// Nothing asked yet.
  public init() {}

  /// Asks.
  public func request() { flag.store(true, ordering: .relaxed) }

  /// Whether it was asked for.
  public var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// - Throws: `Stop` once it was asked for.
  func check() throws {
    if isRequested { throw Stop() }
  }

  /// On its way from where a stop was noticed to where the checkpoint is written.
  struct Stop: Error {}
}

/// A run has stopped because it was asked to, and its checkpoint is written.
public struct RunStopped: Error {
  /// The steps done, and those of the whole run.
  public let step, totalSteps: Int
}
