#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
import Synchronization

/// Commits the fault that its argument names: a sanitizer that says nothing about it watches nothing.
/// `.ci/sanitize` compiles this together with ParallelFor.swift, apart from the package.
@main
enum Faults {
  static func main() { commit(CommandLine.arguments.last, count: CommandLine.arguments.count) }

  /// Not of the main actor, as `main` is: what it runs on other threads would be refused.
  private nonisolated static func commit(_ fault: String?, count: Int) {
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: 4)
    numbers.initialize(repeating: 0, count: 4)
    defer { numbers.deallocate() }
    switch fault {
    case "overrun": print(numbers[count + 2])
    case "shift": print(shift(1, by: Int32(count + 38)))
    case "race": onTwoThreads { numbers[0] += 1 }
    // No fault: whoever reports one does not know the lock.
    case "mutex":
      let guarding = Mutex(0)
      onTwoThreads {
        for _ in 0..<20_000 { guarding.withLock { $0 += 1 } }
      }
    // No fault either: what was written before a loop is read in it, and after.
    case "loop":
      for round in 0..<100 {
        numbers[round % 4] += 1
        parallelFor(4, threads: 2) { numbers[$0] += 1 }
        numbers[round % 4] -= 1
      }
    case let other: preconditionFailure("no fault is called \(other ?? "nothing")")
    }
  }

  /// Runs `body` on two threads at the same time, in a parallel loop.
  private nonisolated static func onTwoThreads(_ body: () -> Void) {
    let arrived = Atomic<Int>(0)
    parallelFor(2, threads: 2) { _, _ in
      arrived.add(1, ordering: .relaxed)
      // Not for ever: there may be one thread only.
      for _ in 0..<1_000_000 where arrived.load(ordering: .relaxed) < 2 { sched_yield() }
      body()
    }
  }
}

/// In faults.c.
@_silgen_name("shift_left")
private func shift(_ number: Int32, by places: Int32) -> Int32
