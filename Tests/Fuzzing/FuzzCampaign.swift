import CAllocationCounter
import Files
import Foundation
import MXRuntime

/// Many cases of one format, one after the other, and what became of them.
///
/// A case is a valid file, or a changed one that was still read, changed once more. The whole
/// campaign depends on its seed alone. The file of the case that is running lies where the reader
/// looks for it: after a crash it is still there.
package struct FuzzCampaign {
  /// What is promised of a reader's memory: beside its tables no more than this often the bytes of
  /// a file and the bytes or pixels that it unpacks to.
  package static let allowedRatio = 16
  /// What is promised of its time: a second, and so much for each of these bytes and pixels, all readings together.
  static let allowedTime = Duration.nanoseconds(20)
  /// What unpacks to more is no start for further cases: most of them would be as large, and few in an hour.
  private static let largestStart = 1 << 22

  private let target: FuzzTarget
  private let countsThread: Bool
  private var random: RandomSequence
  private var pool: [[UInt8]]

  /// What was found.
  package private(set) var report: FuzzReport

  /// A campaign.
  ///
  /// - Parameter countsThread: whether to count this thread's allocations only, as where other
  ///   tests run beside it.
  package init(_ target: FuzzTarget, seed: UInt64, countsThread: Bool = false) {
    self.target = target
    self.countsThread = countsThread
    random = RandomStream(seed: seed, purpose: .benchmark, step: 9).sequence(item: 0)
    pool = target.seeds
    report = FuzzReport(name: target.name)
  }

  /// Runs the seeds themselves, which must all be read.
  package mutating func runSeeds() throws {
    for (index, seed) in target.seeds.enumerated() {
      if try !run(seed) { report.findings.append("seed \(index) is refused: \(report.lastError)") }
    }
    report.cases = 0
    report.accepted = 0
  }

  /// Writes the valid files that cases are made from, for other programs to start from.
  package func writeSeeds(to folder: String) throws {
    for (index, seed) in target.seeds.enumerated() { try write(seed, to: "\(folder)/\(index)") }
  }

  /// Runs so many cases more.
  package mutating func run(cases: Int) throws {
    let mutator = FileMutator(tokens: target.tokens)
    for _ in 0..<cases {
      let file = pool[random.integer(below: pool.count)]
      let other = pool[random.integer(below: pool.count)]
      var bytes = mutator.mutated(file, other: other, &random)
      if let repair = target.repair, random.integer(below: 4) != 0 {
        bytes = repair(bytes, &random)
      }
      let isRead = try run(bytes)
      // What was read is a start for more; the seeds stay.
      guard isRead, bytes.count <= 16_384, random.integer(below: 8) == 0,
        target.unpacked(bytes) <= Self.largestStart
      else { continue }
      if pool.count < target.seeds.count + 256 {
        pool.append(bytes)
      } else {
        pool[target.seeds.count + random.integer(below: 256)] = bytes
      }
    }
  }

  /// Runs one case; whether it was read.
  @discardableResult
  package mutating func run(_ bytes: [UInt8]) throws -> Bool {
    try write(bytes, to: target.path)
    startCounting()
    let start = processorTime
    var thrown: (any Error)?
    do { try target.read(bytes) } catch { thrown = error }
    let time = processorTime - start
    let counts = stopCounting()
    report.cases += 1
    if thrown == nil { report.accepted += 1 }
    let size = bytes.count + target.unpacked(bytes)
    judge(bytes, size: size, counts, time, thrown)
    return thrown == nil
  }

  private mutating func judge(
    _ bytes: [UInt8], size: Int, _ counts: allocation_counts, _ time: Duration,
    _ thrown: (any Error)?
  ) {
    report.slowest = max(report.slowest, time)
    report.largest = max(report.largest, Int(counts.largest))
    report.livePeak = max(report.livePeak, Int(counts.live_peak))
    // Beyond the tables, in sizes of the file.
    let beyond = Double(max(0, counts.live_peak - Int64(target.tables)))
    report.ratio = max(report.ratio, beyond / Double(max(1, size)))
    let allowed = Self.allowedRatio * size + target.tables
    if max(counts.largest, counts.live_peak) > allowed {
      note(bytes, "\(counts.largest) bytes at once, \(counts.live_peak) in all, of \(size)")
    }
    if time > .seconds(1) + Self.allowedTime * size { note(bytes, "\(time)") }
    guard let thrown else { return }
    report.lastError = "\(thrown)"
    if let text = objection(to: thrown) { note(bytes, text) }
  }

  /// Keeps a case beside the reader's file, and says so; the first few of a campaign.
  private mutating func note(_ bytes: [UInt8], _ text: String) {
    report.findings.append("case \(report.cases): \(text)")
    guard report.findings.count <= 20 else { return }
    try? write(bytes, to: "\(target.path).\(target.name.filter { $0 != " " }).\(report.cases)")
  }

  /// What the processor has worked on reading: other programs on the machine do not make a reader slow.
  private var processorTime: Duration {
    var time = timespec()
    clock_gettime(countsThread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  private func startCounting() {
    if countsThread { allocation_counter_thread_start() } else { allocation_counter_start() }
  }

  private func stopCounting() -> allocation_counts {
    if countsThread {
      allocation_counter_thread_stop()
      return allocation_counter_thread_read()
    }
    allocation_counter_stop()
    return allocation_counter_read()
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try FileDescriptor(creating: path)
    try bytes.withUnsafeBytes { try file.write($0) }
  }
}

/// What a campaign found.
package struct FuzzReport {
  /// The format.
  package let name: String
  /// Cases run, and how many of them were read without an error.
  package internal(set) var cases = 0, accepted = 0
  /// The case that took longest.
  package internal(set) var slowest = Duration.zero
  /// The largest allocation, and the most that one case had at a time, in bytes.
  package internal(set) var largest = 0, livePeak = 0
  /// The most that one case had at a time, without what tables may take, in sizes of the file and
  /// what it unpacks to.
  package internal(set) var ratio = 0.0
  /// What should not have been.
  package internal(set) var findings: [String] = []
  /// The last error, for looking into refused seeds.
  package internal(set) var lastError = ""
}
