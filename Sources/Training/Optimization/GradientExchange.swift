import Dispatch
import MXCompute
import MXRuntime
import Ranks

/// Adds up the gradients of all ranks, chunk by chunk from the last layers to the first, on a thread of its own, while those of
/// further layers are still computed.
///
/// Of a chunk each rank gets one slice of all sums, adds it up in the order of the tree, and sends the sum to the others, together with
/// slices of the next chunk: a reduce-scatter and an all-gather. With a power of two of R ranks each sends and receives 2 (R − 1)/R times the gradients, which
/// is the least that there is.
package final class GradientExchange {
  typealias Node = GradientTree.Node

  private let gradients: AlignedBuffer<Float>
  private let levels: Int
  private let ranks: any Ranks
  /// What travels at once, from the end of the gradients to their beginning.
  private let chunks: [Range<Int>]
  private let queue = DispatchQueue(label: "tetrajet.exchange")
  /// Chunks of the step at hand that have been sent.
  private var sent: Int

  // What the queue reads.
  private var sums: [AlignedBuffer<Float>] = []
  private var nodes: [[Node]] = []
  /// What the others send, one slice behind the other.
  private var received: AlignedBuffer<Float>?
  private var failure: (any Error)?

  /// The fewest numbers that are worth messages of their own, where more are to come.
  private static let leastChunk = 1 << 18
  /// The most that travel at once: chunks of several times as many lost a quarter of a link's rate between four hosts.
  private static let mostChunk = 1 << 19

  /// - Parameter chunks: what travels at once, from the end of the gradients to their beginning.
  init(
    _ gradients: AlignedBuffer<Float>, levels: Int, ranks: any Ranks, chunks: [Range<Int>]
  ) {
    (self.gradients, self.levels, self.ranks) = (gradients, levels, ranks)
    self.chunks = chunks
    sent = chunks.count
  }

  /// A model's layers, joined where they are small; what is left at the end, which nothing hides, is a chunk of its own.
  package static func chunks(of table: ParameterTable) -> [Range<Int>] {
    var (chunks, end): ([Range<Int>], Int) = ([], table.count)
    for start in table.layers where end - start >= leastChunk || start == 0 {
      let parts = (end - start - 1) / mostChunk + 1
      for part in (0..<parts).reversed() {
        let length = end - start
        chunks.append(start + length * part / parts..<start + length * (part + 1) / parts)
      }
      end = start
    }
    return chunks
  }

  /// Bytes of what comes from others, at most, where each rank has so many sums.
  static func bytes(chunk: Int, ranks: Int, sums: Int) -> Int {
    (ranks - 1) * sums * (chunk / ranks + 1) * MemoryLayout<Float>.stride
  }

  /// Begins with a step's sums.
  ///
  /// - Parameters:
  ///   - sums: this rank's, the last of which may be the gradients themselves.
  ///   - nodes: which sums each rank has.
  func begin(_ sums: [AlignedBuffer<Float>], _ nodes: [[Node]]) {
    (self.sums, self.nodes, sent) = (sums, nodes, 0)
    ranks.wait(patiently: true)
    let others = nodes.enumerated().reduce(0) {
      $0 + ($1.offset == ranks.rank ? 0 : $1.element.count)
    }
    let need = others * (chunks.map(\.count).max()! / ranks.count + 1)
    if received.map({ $0.count < need }) ?? true { received = AlignedBuffer(count: need) }
  }

  /// Sends the chunks that are complete: those of gradients from this place on.
  func send(from start: Int) {
    // Between `begin` and `finish` only the queue reads what `begin` has set, and `finish` waits for the queue.
    nonisolated(unsafe) let exchange = self
    while sent < chunks.count, chunks[sent].lowerBound >= start {
      let chunk = chunks[sent]
      queue.async { exchange.addUp(chunk) }
      sent += 1
    }
  }

  /// Waits until all chunks have come back.
  ///
  /// - Throws: as `Ranks.exchange`.
  func finish() throws {
    ranks.wait(patiently: false)
    queue.sync {}
    if let failure { throw failure }
  }

  // On the queue.

  private typealias Numbers = UnsafeMutableBufferPointer<Float>

  /// A chunk whose sum this rank has a slice of, which the others do not have yet.
  private var summed: Range<Int>?

  private func addUp(_ chunk: Range<Int>) {
    guard failure == nil else { return }
    do {
      try exchange(next: chunk)
      if chunk.lowerBound == 0 { try exchange(next: nil) }
    } catch {
      failure = error
    }
  }

  /// Sends the others the sum of the chunk before, and the slices that they are to add up of the next one.
  private func exchange(next chunk: Range<Int>?) throws {
    let own = slice(of: chunk ?? 0..<0, at: ranks.rank)
    var found = chunk == nil ? [] : zip(nodes[ranks.rank], sums).map { ($0, part($1, own)) }
    var free = 0
    // One partner after the other: where all sent to all at once, links lost a third of their rate.
    for (receiver, sender) in zip(ranks.others, ranks.others.reversed()) {
      var (out, come): ([Numbers], [Numbers]) = ([], [])
      if let summed {
        out.append(part(gradients, slice(of: summed, at: ranks.rank)))
        come.append(part(gradients, slice(of: summed, at: sender)))
      }
      if let chunk {
        out += sums.map { part($0, slice(of: chunk, at: receiver)) }
        for node in nodes[sender] {
          found.append((node, part(received!, free..<free + own.count)))
          come.append(found.last!.1)
          free += own.count
        }
      }
      try ranks.exchange(
        out.map { Message(receiver, UnsafeRawBufferPointer($0)) },
        come.map { Message(sender, UnsafeMutableRawBufferPointer($0)) })
    }
    if let chunk { addUp(found, into: part(gradients, slice(of: chunk, at: ranks.rank))) }
    summed = chunk
  }

  private func addUp(_ sums: [(node: Node, numbers: Numbers)], into result: Numbers) {
    guard let sum = sum(of: Node(level: levels, index: 0), sums) else {
      return result.update(repeating: 0)
    }
    if sum.baseAddress != result.baseAddress { _ = result.update(fromContentsOf: sum) }
  }

  /// What a rank adds up of a chunk.
  private func slice(of chunk: Range<Int>, at rank: Int) -> Range<Int> {
    let slice = ranks.share(of: chunk.count, at: rank)
    return chunk.lowerBound + slice.lowerBound..<chunk.lowerBound + slice.upperBound
  }

  private func part(_ buffer: AlignedBuffer<Float>, _ range: Range<Int>) -> Numbers {
    Numbers(rebasing: buffer.elements[range])
  }

  /// The sum of a subtree, in the memory of one of its parts; nil where nothing has come.
  private func sum(
    of node: Node, _ sums: [(node: Node, numbers: Numbers)]
  ) -> Numbers? {
    if let found = sums.first(where: { $0.node == node }) { return found.numbers }
    guard node.level > 0,
      sums.contains(where: { node.leaves.contains($0.node.leaves.lowerBound) })
    else { return nil }
    let children = (0..<2).map { Node(level: node.level - 1, index: 2 * node.index + $0) }
    guard let left = sum(of: children[0], sums) else { return sum(of: children[1], sums) }
    guard let right = sum(of: children[1], sums) else { return left }
    // A plain loop: the other threads compute.
    for index in right.indices { right[index] += left[index] }
    return right
  }
}
