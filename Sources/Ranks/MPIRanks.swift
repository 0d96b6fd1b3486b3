import CMPI
import Synchronization

/// The processes that `mpirun` started.
package final class MPIRanks: Ranks, Sendable {
  /// The number of this process.
  package let rank: Int
  /// How many there are.
  package let count: Int
  private let ending = Atomic<Bool>(false)

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
    _ sent: UnsafeRawBufferPointer, to receiver: Int, _ received: UnsafeMutableRawBufferPointer,
    from sender: Int
  ) throws {
    try Self.check(
      tj_mpi_exchange(
        sent.baseAddress, sent.count, Int32(receiver), received.baseAddress, received.count,
        Int32(sender)))
  }

  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
    try Self.check(tj_mpi_broadcast(bytes.baseAddress, bytes.count, 0))
  }

  /// Whether all know that this one is going to end.
  package var isEnding: Bool { ending.load(ordering: .relaxed) }

  package func willEnd() { ending.store(true, ordering: .relaxed) }

  /// Takes leave of the others before this process ends: where they know of it they do so too, else they are ended.
  package func end(status: Int32) {
    if status == 0 || isEnding {
      _ = tj_mpi_end()
    } else {
      tj_mpi_abort(status)
    }
  }

  private static func check(_ code: Int32) throws {
    guard code != 0 else { return }
    var text = [CChar](repeating: 0, count: 512)
    tj_mpi_describe(code, &text, text.count)
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw RanksError(description: "MPI: " + String(decoding: bytes, as: UTF8.self))
  }
}
