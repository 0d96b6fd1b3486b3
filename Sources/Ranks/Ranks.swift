import Files

/// The processes that train one model together, each of which has all its weights: which of them this is, and what they
/// send each other.
///
/// All ranks call the same operations in the same order. What a rank alone cannot go on from, `agree` tells the others.
package protocol Ranks {
  /// The number of this process, 0 ..< `count`.
  var rank: Int { get }
  /// How many there are.
  var count: Int { get }

  /// Sends bytes to one rank, and receives from another as many as it is going to send.
  ///
  /// - Throws: `RanksError` where the others cannot be reached.
  func exchange(
    _ sent: UnsafeRawBufferPointer, to receiver: Int, _ received: UnsafeMutableRawBufferPointer,
    from sender: Int) throws

  /// Replaces bytes by those of rank 0.
  ///
  /// - Throws: as above.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws

  /// All ranks know that this one is going to end.
  func willEnd()
}

/// One process, which nobody helps.
package struct Alone: Ranks {
  /// The only one.
  package init() {}

  /// 0.
  package var rank: Int { 0 }
  /// 1.
  package var count: Int { 1 }

  /// There is nobody.
  package func exchange(
    _ sent: UnsafeRawBufferPointer, to receiver: Int, _ received: UnsafeMutableRawBufferPointer,
    from sender: Int
  ) { preconditionFailure("an exchange with nobody") }

  /// Everybody has them.
  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {}

  /// Nobody is there to know.
  package func willEnd() {}
}

/// The ranks cannot reach each other.
package struct RanksError: ReportableError {
  /// What MPI says.
  package let description: String

  /// The network, or what answers there.
  package var category: ErrorCategory { .inputOutput }
}

extension Ranks {
  /// Whether this is the one that prints and writes.
  package var isFirst: Bool { rank == 0 }

  /// The part of 0 ..< `total` that is a rank's.
  package func share(of total: Int, at rank: Int) -> Range<Int> {
    total * rank / count..<total * (rank + 1) / count
  }

  /// The part of 0 ..< `total` that is this rank's.
  package func share(of total: Int) -> Range<Int> { share(of: total, at: rank) }

  /// What every rank has to say, in the order of their numbers.
  ///
  /// - Throws: `RanksError`.
  package func gather(_ own: [UInt8]) throws -> [[UInt8]] {
    var all = [[UInt8]](repeating: [], count: count)
    all[rank] = own
    try forEachOther { receiver, sender in
      let size = try withUnsafeBytes(of: UInt64(own.count)) { size in
        var other: UInt64 = 0
        try withUnsafeMutableBytes(of: &other) {
          try exchange(size, to: receiver, $0, from: sender)
        }
        return Int(other)
      }
      var other = [UInt8](repeating: 0, count: size)
      try own.withUnsafeBytes { own in
        try other.withUnsafeMutableBytes { try exchange(own, to: receiver, $0, from: sender) }
      }
      all[sender] = other
    }
    return all
  }

  /// Calls `body` with whom to send to and whom to receive from, round by round until this rank has met every other.
  package func forEachOther(_ body: (_ receiver: Int, _ sender: Int) throws -> Void) rethrows {
    for distance in 1..<max(count, 1) {
      try body((rank + distance) % count, (rank - distance + count) % count)
    }
  }

  /// Replaces numbers by those of rank 0.
  ///
  /// - Throws: `RanksError`.
  package func broadcast<Value: BitwiseCopyable>(_ value: inout Value) throws {
    try withUnsafeMutableBytes(of: &value) { try broadcast($0) }
  }

  /// The text of rank 0.
  ///
  /// - Parameter text: at rank 0; what others give does not matter.
  /// - Throws: `RanksError`.
  package func broadcast(text: String) throws -> String {
    var bytes = Array(text.utf8)
    var size = bytes.count
    try broadcast(&size)
    if !isFirst { bytes = [UInt8](repeating: 0, count: size) }
    try bytes.withUnsafeMutableBytes { try broadcast($0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
