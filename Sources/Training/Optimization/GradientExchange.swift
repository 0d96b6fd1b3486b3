import Dispatch
import MXCompute
import MXRuntime
import Ranks

/// Adds up the gradients of all ranks, chunk by chunk from the last layers to the first, on a thread of its own, while those of
/// further layers are still computed.
///
/// Of a chunk each rank gets one slice of all sums, adds it up in the order of the tree, and sends the sum to the others: a
/// reduce-scatter and an all-gather. With a power of two of R ranks each sends and receives 2 (R − 1)/R times the gradients, which
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
      chunks.append(start..<end)
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
    queue.sync {}
    if let failure { throw failure }
  }

  // On the queue.

  private func addUp(_ chunk: Range<Int>) {
    guard failure == nil else { return }
    do { try exchange(chunk) } catch { failure = error }
  }

  private func exchange(_ chunk: Range<Int>) throws {
    let slices = (0..<ranks.count).map { rank in
      let slice = ranks.share(of: chunk.count, at: rank)
      return chunk.lowerBound + slice.lowerBound..<chunk.lowerBound + slice.upperBound
    }
    let slice = slices[ranks.rank]
    func part(_ buffer: AlignedBuffer<Float>, _ range: Range<Int>) -> Numbers {
      Numbers(rebasing: buffer.elements[range])
    }
    var found = zip(nodes[ranks.rank], sums).map { (node: $0, numbers: part($1, slice)) }
    var free = 0
    // Mostly one: where ranks and micro-batches are powers of two, each rank has one sum.
    for place in 0..<(nodes.map(\.count).max() ?? 0) {
      try exchange {
        place < sums.count ? part(sums[place], slices[$0]) : nil
      } received: { rank in
        guard place < nodes[rank].count else { return nil }
        let numbers = part(received!, free..<free + slice.count)
        free += slice.count
        found.append((nodes[rank][place], numbers))
        return numbers
      }
    }
    let result = part(gradients, slice)
    if let sum = sum(of: Node(level: levels, index: 0), found) {
      if sum.baseAddress != result.baseAddress { _ = result.update(fromContentsOf: sum) }
    } else {
      result.update(repeating: 0)
    }
    try exchange { _ in
      result
    } received: {
      part(gradients, slices[$0])
    }
  }

  /// Sends numbers to each other rank, and receives some from each.
  private func exchange(_ sent: (_ rank: Int) -> Numbers?, received: (_ rank: Int) -> Numbers?)
    throws
  {
    let others = (0..<ranks.count).map { $0 == ranks.rank ? nil : $0 }
    try ranks.exchange(
      others.map { UnsafeRawBufferPointer($0.flatMap(sent) ?? Self.none) },
      others.map { UnsafeMutableRawBufferPointer($0.flatMap(received) ?? Self.none) })
  }

  private typealias Numbers = UnsafeMutableBufferPointer<Float>
  private static var none: Numbers { Numbers(start: nil, count: 0) }

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
