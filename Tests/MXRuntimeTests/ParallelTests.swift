import Foundation
import MXRuntime
import Synchronization
import Testing

@Suite("Parallel loops and memory", .serialized)
struct ParallelTests {
  @Test("every index is visited once, for any number of threads", arguments: [1, 2, 7])
  func everyIndexOnce(threads: Int) {
    for count in [0, 1, 2, 1000] {
      let visits = AlignedBuffer<Int>(count: count)
      parallelFor(count, threads: threads) { visits[$0] += 1 }
      #expect(visits.elements.allSatisfy { $0 == 1 })
    }
  }

  private final class Failures: Sendable {
    let count = Atomic<Int>(0)

    /// A loop of so many indices, each of which must be visited once.
    func check(_ count: Int, _ body: (Int) -> Void = { _ in }) {
      let visits = AlignedBuffer<Int>(count: count)
      parallelFor(count, threads: 4) {
        visits[$0] += 1
        body($0)
      }
      if visits.elements.contains(where: { $0 != 1 }) { self.count.add(1, ordering: .relaxed) }
    }
  }

  @Test("loops of several threads, and loops within loops, visit every index once")
  func loopsAtOnce() async {
    let failures = Failures()
    await withDiscardingTaskGroup { group in
      for caller in 0..<3 {
        group.addTask {
          for round in 0..<2000 {
            failures.check(1 + (round + caller) % 5) {
              if round % 50 == 0 && $0 == 0 { failures.check(3) }
            }
            // Threads that wait fall asleep, too.
            if round % 500 == 0 { usleep(300) }
          }
        }
      }
    }
    #expect(failures.count.load(ordering: .relaxed) == 0)
  }

  @Test("ranges cover their count without gap or overlap")
  func ranges() {
    let visits = AlignedBuffer<Int>(count: 1001)
    parallelRanges(1001, length: 100, threads: 3) { range in
      for index in range { visits[index] += 1 }
    }
    #expect(visits.elements.allSatisfy { $0 == 1 })
  }

  @Test("an arena gives aligned memory, and the same addresses again after a release")
  func arena() {
    let arena = Arena(chunkCount: 100)
    let start = arena.mark
    let first = [arena.allocate(30), arena.allocate(90), arena.allocate(1000)]
    #expect(first.allSatisfy { UInt(bitPattern: $0).isMultiple(of: 64) })
    for (index, pointer) in first.enumerated() { pointer.pointee = Float(index) }
    #expect(first.map(\.pointee) == [0, 1, 2])
    arena.release(to: start)
    #expect([arena.allocate(30), arena.allocate(90), arena.allocate(1000)] == first)
  }

  @Test("a scratch region is given back, also when its body throws")
  func scratch() {
    struct Failure: Error {}
    let arena = Arena(chunkCount: 1000)
    let before = arena.allocate(10)
    var inside: UnsafeMutablePointer<Float>?
    try? arena.scratch {
      inside = arena.allocate(10)
      throw Failure()
    }
    #expect(arena.allocate(10) == inside && inside != before)
  }
}
