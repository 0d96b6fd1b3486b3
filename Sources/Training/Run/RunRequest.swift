import Synchronization

/// What a run is asked from outside: to stop where it can go on later, or to save and go on. Another thread may ask, or a
/// signal handler, since it is two atomic flags.
package final class RunRequest: Sendable {
  private let stopFlag = Atomic<Bool>(false)
  private let saveFlag = Atomic<Bool>(false)

  /// Nothing asked yet.
  package init() {}

  /// Asks to save and stop.
  package func stop() { stopFlag.store(true, ordering: .relaxed) }

  /// Asks to save and go on.
  package func save() { saveFlag.store(true, ordering: .relaxed) }

  /// Whether it was asked to stop.
  package var isStopping: Bool { stopFlag.load(ordering: .relaxed) }

  /// - Throws: `Stop` once it was asked to stop.
  func checkStop() throws {
    if isStopping { throw Stop() }
  }

  /// Whether it was asked to save since the last time that this was called.
  func takeSave() -> Bool { saveFlag.exchange(false, ordering: .relaxed) }

  /// On its way from where a stop was noticed to where the checkpoint is written.
  struct Stop: Error {}
}

/// A run has stopped because it was asked to, and its checkpoint is written.
package struct RunStopped: Error {
  /// The steps done, and those of the whole run.
  package let step, totalSteps: Int
}
