import Foundation

/// Threads that make numbered batches ahead of one consumer, who takes them in order.
///
/// Each thread makes a whole batch at a time. None starts a batch more than `workers` + 2 ahead of the
/// consumer, which bounds the memory. They are threads of their own because the pool of `parallelFor`
/// belongs to the training step that runs meanwhile, and must not be blocked by files.
///
/// Unchecked: `condition` guards every stored variable, as Mutex would, but Mutex cannot be waited on.
final class BatchPipeline: @unchecked Sendable {
  /// Makes the batch of a number, or returns nil once `isWanted` says no.
  typealias Make = @Sendable (_ index: Int, _ isWanted: () -> Bool) -> MadeBatch?

  private let make: Make
  private let end: Int
  private let window: Int
  private let condition = NSCondition()
  private var nextToMake: Int
  private var nextToTake: Int
  private var made: [Int: MadeBatch] = [:]
  private var running: Int
  private var isStopped = false

  /// Starts up to `workers` threads on the batches of `range`.
  init(_ range: Range<Int>, workers: Int, make: @escaping Make) {
    self.make = make
    end = range.upperBound
    window = workers + 2
    nextToMake = range.lowerBound
    nextToTake = range.lowerBound
    running = min(workers, range.count)
    for _ in 0..<running {
      let thread = Thread { self.work() }
      thread.name = "image loader"
      thread.start()
    }
  }

  /// The next batch in order; nil after the last one or when stopped.
  func take() -> MadeBatch? {
    condition.lock()
    defer { condition.unlock() }
    while !isStopped && nextToTake < end {
      if let batch = made.removeValue(forKey: nextToTake) {
        nextToTake += 1
        condition.broadcast()
        return batch
      }
      condition.wait()
    }
    return nil
  }

  /// Ends the threads, and returns when none works any more.
  func stop() {
    condition.lock()
    defer { condition.unlock() }
    isStopped = true
    made = [:]
    condition.broadcast()
    while running > 0 { condition.wait() }
  }

  private func work() {
    while let index = claim() {
      guard let batch = make(index, { self.isWanted }) else { break }
      deliver(batch, as: index)
    }
    condition.lock()
    running -= 1
    condition.broadcast()
    condition.unlock()
  }

  /// The next batch to make, once it is not too far ahead; nil when there is nothing more to do.
  private func claim() -> Int? {
    condition.lock()
    defer { condition.unlock() }
    while !isStopped && nextToMake < end {
      if nextToMake - nextToTake < window {
        defer { nextToMake += 1 }
        return nextToMake
      }
      condition.wait()
    }
    return nil
  }

  private func deliver(_ batch: MadeBatch, as index: Int) {
    condition.lock()
    defer { condition.unlock() }
    // After a stop nobody takes it.
    if isStopped { return }
    made[index] = batch
    condition.broadcast()
  }

  private var isWanted: Bool {
    condition.lock()
    defer { condition.unlock() }
    return !isStopped
  }
}

/// A batch and what it had to leave out.
struct MadeBatch: Sendable {
  let batch: Batch
  let skipped: [SkippedImage]
}
