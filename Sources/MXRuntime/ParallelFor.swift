import Synchronization

/// Calls `body(i)` once for every i in 0 ..< `count`, on up to `threads` threads, and returns when all have returned.
///
/// The caller makes the slices, from shapes alone; which thread takes which slice, and when, is left
/// open. As long as no two slices write the same memory, 1 thread and n threads give the same bits.
/// Calls do not nest: a `body` that calls `parallelFor` gains nothing from it. In a dry run (`MemoryLedger`) nothing is called.
package func parallelFor(_ count: Int, threads: Int, _ body: (Int) -> Void) {
  parallelFor(count, threads: threads) { index, _ in body(index) }
}

/// The same, telling each call which of the threads it runs on (0 ..< `threads`):
/// calls of one worker follow each other and may share a scratch, whose contents must not reach a result.
package func parallelFor(_ count: Int, threads: Int, _ body: (Int, _ worker: Int) -> Void) {
  if MemoryLedger.isRunningDry { return }
  let workers = min(threads, count)
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
/// makes hundreds of them. This one (CParallelFor) leaves the closure where it is, on the caller's stack, and its threads
/// stay awake for a tenth of a millisecond after a call.
///
/// Nothing checks that `body` may run on several threads at once, for it could not be: slices write through
/// pointers, which Swift cannot know to be disjoint. That they are is the contract of `parallelFor`.
@_silgen_name("tj_concurrent_perform")
private func concurrentPerform(_ count: Int, _ body: (_ index: Int) -> Void)

/// Splits 0 ..< `count` into runs of `length` (the last one shorter) and calls `body` with each run,
/// in parallel. The runs depend on `count` and `length` alone.
package func parallelRanges(
  _ count: Int, length: Int, threads: Int, _ body: (Range<Int>) -> Void
) {
  precondition(length > 0, "runs of \(length)")
  parallelFor((count + length - 1) / length, threads: threads) { slice in
    let start = slice * length
    body(start..<min(start + length, count))
  }
}
