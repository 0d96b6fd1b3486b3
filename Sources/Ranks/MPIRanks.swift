import CMPI
import Foundation
import Synchronization

/// The processes that `mpirun` started.
package final class MPIRanks: Ranks, Sendable {
  /// The number of this process.
  package let rank: Int
  /// How many there are.
  package let count: Int
  /// How this process takes leave.
  private enum Leave: Int, AtomicRepresentable {
    /// Nobody expects it to.
    case unexpected
    /// All others do so, too.
    case together
    /// Some do not answer any more; whether this one says so.
    case loudly, silently
  }
  private let leave = Atomic<Leave>(.unexpected)
  /// How many seconds others are waited for; 0 for ever.
  private let limit = Atomic<Int>(0)

  /// Whether the command was built with MPI.
  package static var isBuilt: Bool { tj_mpi_is_built() != 0 }

  /// Joins the others; once a process, which then ends through `finish` or `abort`.
  ///
  /// - Throws: `RanksError`.
  package init() throws {
    try Self.check(tj_mpi_begin())
    (rank, count) = (Int(tj_mpi_rank()), Int(tj_mpi_count()))
  }

  package func exchange(
    _ sent: [Message<UnsafeRawBufferPointer>], _ received: [Message<UnsafeMutableRawBufferPointer>]
  ) throws {
    func message(_ rank: Int, _ bytes: UnsafeRawBufferPointer) -> tj_mpi_message {
      tj_mpi_message(
        rank: Int32(rank), bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress),
        length: bytes.count)
    }
    var missing = [Bool](repeating: false, count: count)
    var isComplete = true
    try Self.check(
      tj_mpi_exchange(
        Int32(sent.count), sent.map { message($0.rank, $0.bytes) }, Int32(received.count),
        received.map { message($0.rank, UnsafeRawBufferPointer($0.bytes)) },
        Double(limit.load(ordering: .relaxed)), &missing, &isComplete))
    if !isComplete { throw silence(of: missing.indices.filter { missing[$0] }) }
  }

  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
    var isComplete = true
    try Self.check(
      tj_mpi_broadcast(
        bytes.baseAddress, bytes.count, 0, Double(limit.load(ordering: .relaxed)), &isComplete))
    if !isComplete { throw silence(of: isFirst ? [] : [0]) }
  }

  package func limitWaiting(to seconds: Int) { limit.store(seconds, ordering: .relaxed) }

  package func wait(patiently: Bool) { tj_mpi_wait_patiently(patiently) }

  /// Nobody is there to be told: of those that wait, the first one says it.
  private func silence(of ranks: [Int]) -> RankSilence {
    let first = (0..<count).first { !ranks.contains($0) }
    leave.store(first == rank ? .loudly : .silently, ordering: .relaxed)
    return RankSilence(ranks: ranks, seconds: limit.load(ordering: .relaxed))
  }

  package func willEnd() {
    // Of those that do not answer nobody takes leave.
    _ = leave.compareExchange(expected: .unexpected, desired: .together, ordering: .relaxed)
  }

  /// Whether this one says what it ends by: the first one tells what all know.
  package var speaks: Bool {
    switch leave.load(ordering: .relaxed) {
    case .unexpected, .loudly: true
    case .together: isFirst
    case .silently: false
    }
  }

  /// Takes leave of the others before this process ends: where they know of it they do so too, else they are ended.
  package func end(status: Int32) {
    let leave = leave.load(ordering: .relaxed)
    if leave == .together || leave == .unexpected && status == 0 {
      _ = tj_mpi_end()
      return
    }
    // Whoever speaks ends all, once the launcher has passed on what it said (MPICH's ends without looking whether there is
    // more to come); this one only where that one cannot.
    sleep(leave == .silently ? 10 : 1)
    tj_mpi_abort(status)
  }

  private static func check(_ code: Int32) throws {
    guard code != 0 else { return }
    var text = [CChar](repeating: 0, count: 512)
    tj_mpi_describe(code, &text, text.count)
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw RanksError(description: "MPI: " + String(decoding: bytes, as: UTF8.self))
  }
}
