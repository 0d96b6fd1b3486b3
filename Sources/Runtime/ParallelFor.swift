import Synchronization

/// How many threads `parallelFor` uses, for the whole process (as with BLAS libraries).
public enum Threads {
  private static let width = Atomic<Int>(0)

  /// The processors this process may run on now.
  public static let available = ProcessorCount.current

  /// What `with` asks for, in the task (or on the thread) that called it.
  @TaskLocal private static var local: Int?

  /// The number of threads in use; `available` unless set. It changes speed, never a bit of a result.
  public static var count: Int {
    get {
      if let local { return local }
      let set = width.load(ordering: .relaxed)
      return set == 0 ? available : set
    }
    set {
      precondition(newValue >= 1, "\(newValue) threads")
      width.store(newValue, ordering: .relaxed)
    }
  }

  /// Runs `body` on `count` threads; what other tasks do at the same time keeps its own number.
  public static func with<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
    precondition(count >= 1, "\(count) threads")
    return try $local.withValue(count, operation: body)
  }
}

/// Calls `body(i)` once for every i in 0 ..< `count`, on up to `Threads.count` threads, and returns
/// when all have returned.
///
/// The caller makes the slices, from shapes alone; which thread takes which slice, and when, is left
/// open. As long as no two slices write the same memory, 1 thread and n threads give the same bits.
/// Calls do not nest: a `body` that calls `parallelFor` gains nothing from it.
public func parallelFor(_ count: Int, _ body: (Int) -> Void) {
  parallelFor(count, workers: Threads.count) { index, _ in body(index) }
}

/// The same on at most `workers` threads, telling each call which of them it runs on (0 ..< `workers`):
/// calls of one worker follow each other and may share a scratch, whose contents must not reach a result.
public func parallelFor(_ count: Int, workers: Int, _ body: (Int, _ worker: Int) -> Void) {
  let workers = min(workers, count)
  if workers <= 1 {
    for index in 0..<max(count, 0) { body(index, 0) }
    return
  }
  let next = Atomic<Int>(0)
  // One iteration a worker, each taking slices until none is left: slices may be uneven, and more
  // slices than threads cost one atomic addition each.
  concurrentPerform(workers) { worker in
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= count { return }
      body(index, worker)
    }
  }
}

/// `DispatchQueue.concurrentPerform`, which would allocate two copies of every closure on the heap: a training step
/// makes hundreds of them. This one (CParallelFor) leaves the closure where it is, on the caller's stack.
///
/// Nothing checks that `body` may run on several threads at once, for it could not be: slices write through
/// pointers, which Swift cannot know to be disjoint. That they are is the contract of `parallelFor`.
@_silgen_name("tj_concurrent_perform")
private func concurrentPerform(_ count: Int, _ body: (_ index: Int) -> Void)

/// Splits 0 ..< `count` into runs of `length` (the last one shorter) and calls `body` with each run,
/// in parallel. The runs depend on `count` and `length` alone.
public func parallelRanges(_ count: Int, length: Int, _ body: (Range<Int>) -> Void) {
  precondition(length > 0, "runs of \(length)")
  parallelFor((count + length - 1) / length) { slice in
    let start = slice * length
    body(start..<min(start + length, count))
  }
}
