import Files

/// The processes that train one model together, each of which has all its weights: which of them this is, and what they
/// send each other.
///
/// All ranks call the same operations in the same order, from one thread at a time. What a rank alone cannot go on from,
/// `agree` tells the others.
package protocol Ranks: Sendable {
  /// The number of this process, 0 ..< `count`.
  var rank: Int { get }
  /// How many there are.
  var count: Int { get }

  /// Sends messages to other ranks and receives those of others, all at once; between two ranks they arrive in order.
  ///
  /// - Throws: `RanksError` where the others cannot be reached, `RankSilence` where some do not answer.
  func exchange(
    _ sent: [Message<UnsafeRawBufferPointer>], _ received: [Message<UnsafeMutableRawBufferPointer>]
  ) throws

  /// Replaces bytes by those of rank 0.
  ///
  /// - Throws: as above.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws

  /// All ranks know that this one is going to end.
  func willEnd()

  /// Whether this process has something else to do, from now on, while one of its threads waits.
  func wait(patiently: Bool)

  /// From now on nobody is waited for longer than so many seconds; 0 for ever.
  func limitWaiting(to seconds: Int)
}

/// Bytes to or from a rank.
package struct Message<Bytes> {
  /// Which rank.
  package let rank: Int
  /// Where the bytes lie, or shall lie.
  package let bytes: Bytes

  /// A message; there must be as many bytes on the other side.
  package init(_ rank: Int, _ bytes: Bytes) { (self.rank, self.bytes) = (rank, bytes) }
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
    _ sent: [Message<UnsafeRawBufferPointer>], _ received: [Message<UnsafeMutableRawBufferPointer>]
  ) { preconditionFailure("an exchange with nobody") }

  /// Everybody has them.
  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {}

  /// Nobody is there to know.
  package func willEnd() {}

  /// Nobody is waited for.
  package func wait(patiently: Bool) {}

  /// Nobody is waited for.
  package func limitWaiting(to seconds: Int) {}
}

extension Ranks {
  /// Whether this is the one that prints and writes.
  package var isFirst: Bool { rank == 0 }

  /// All ranks but this one, the next one first: no one is sent to by all at the same time.
  package var others: [Int] { (1..<max(count, 1)).map { (rank + $0) % count } }

  /// The part of 0 ..< `total` that is a rank's.
  package func share(of total: Int, at rank: Int) -> Range<Int> {
    total * rank / count..<total * (rank + 1) / count
  }

  /// The part of 0 ..< `total` that is this rank's.
  package func share(of total: Int) -> Range<Int> { share(of: total, at: rank) }

  /// What every rank has to say, in the order of their numbers.
  ///
  /// - Throws: as `exchange`.
  package func gather(_ own: [UInt8]) throws -> [[UInt8]] {
    if count == 1 { return [own] }
    // Every message begins with as many bytes, of which the first tell its length: what is short takes one exchange.
    let (header, room) = (MemoryLayout<Int>.size, 248)
    let head = [UInt8](bytesOf: own.count) + own.prefix(room)
    let heads = try gather(
      head + [UInt8](repeating: 0, count: header + room - head.count),
      lengths: [Int](repeating: header + room, count: count))
    let lengths = heads.map { [Int](bytes: Array($0.prefix(header)))[0] }
    let beginnings = zip(heads, lengths).map { $0.dropFirst(header).prefix($1) }
    guard lengths.contains(where: { $0 > room }) else { return beginnings.map(Array.init) }
    let rests = try gather(
      Array(own.dropFirst(room)), lengths: lengths.map { max(0, $0 - room) })
    return zip(beginnings, rests).map { $0 + $1 }
  }

  /// The same of messages whose lengths all know.
  private func gather(_ own: [UInt8], lengths: [Int]) throws -> [[UInt8]] {
    let buffers = lengths.map {
      UnsafeMutableRawBufferPointer.allocate(byteCount: $0, alignment: 1)
    }
    defer { buffers.forEach { $0.deallocate() } }
    try own.withUnsafeBytes { own in
      try exchange(others.map { Message($0, own) }, others.map { Message($0, buffers[$0]) })
    }
    return (0..<count).map { $0 == rank ? own : Array(buffers[$0]) }
  }

  /// Replaces numbers by those of rank 0.
  ///
  /// - Throws: as `exchange`.
  package func broadcast<Value: BitwiseCopyable>(_ value: inout Value) throws {
    try withUnsafeMutableBytes(of: &value) { try broadcast($0) }
  }

  /// The text of rank 0.
  ///
  /// - Parameter text: at rank 0; what others give does not matter.
  /// - Throws: as `exchange`.
  package func broadcast(text: String) throws -> String {
    var bytes = Array(text.utf8)
    var size = bytes.count
    try broadcast(&size)
    if !isFirst { bytes = [UInt8](repeating: 0, count: size) }
    try bytes.withUnsafeMutableBytes { try broadcast($0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
