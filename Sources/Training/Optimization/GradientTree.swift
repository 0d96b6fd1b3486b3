import MXCompute
import MXRuntime
import Ranks

/// Adds up the gradients of a step's micro-batches in a binary tree that their numbers alone determine: neighbours
/// first, then pairs of neighbours, and so on; a micro-batch that is missing adds nothing. Threads and ranks change nothing of
/// the sum.
///
/// Each rank has a run of the numbers. It adds up what lies within it, and keeps a buffer for each whole subtree there, at most
/// two a level. Of those, every rank then gets a slice of all, adds it up, and gives the others the sum: with a power of two
/// of ranks each sends and receives twice the gradients less its own share, which is the least that there is.
package final class GradientTree {
  /// How many leaves it has.
  package let microBatches: Int
  /// Those of this rank.
  package let own: Range<Int>
  private let gradients: AlignedBuffer<Float>
  private let compute: any TrainingCompute
  private let ranks: any Ranks
  private let levels: Int
  /// The sums of whole subtrees so far, from left to right, in as many of the buffers; the last one's lies in `gradients`
  /// where `isLastInPlace`.
  private var nodes: [Node] = []
  private var buffers: [AlignedBuffer<Float>] = []
  private var isLastInPlace = false
  /// What the others send, one slice behind the other.
  private var received: AlignedBuffer<Float>?

  /// A subtree: leaves `index` << `level` and 2^`level` − 1 further ones.
  private struct Node: Equatable, BitwiseCopyable {
    var level: Int
    var index: Int
    var parent: Node { Node(level: level + 1, index: index / 2) }
    var leaves: Range<Int> { index << level..<(index + 1) << level }
  }

  /// A tree of so many leaves, which come in ascending order and whose sum is left in `gradients`.
  package init(
    _ gradients: AlignedBuffer<Float>, microBatches: Int, _ compute: any TrainingCompute,
    ranks: any Ranks = Alone()
  ) {
    (self.gradients, self.microBatches) = (gradients, microBatches)
    (self.compute, self.ranks) = (compute, ranks)
    levels = Self.levels(microBatches: microBatches)
    own = ranks.share(of: microBatches)
  }

  /// The levels above the leaves, of which each may keep a buffer beside that of the gradients.
  static func levels(microBatches: Int) -> Int {
    Int.bitWidth - (microBatches - 1).leadingZeroBitCount
  }

  /// Nothing added up yet.
  package func begin() { nodes.removeAll(keepingCapacity: true) }

  /// Takes the gradients of a micro-batch.
  package func add(_ number: Int) {
    settle(before: number)
    nodes.append(Node(level: 0, index: number))
    isLastInPlace = true
    settle(before: number + 1)
    if number + 1 < own.upperBound { store() }
  }

  /// Leaves the sum of all ranks in the gradients.
  ///
  /// - Throws: `RanksError`.
  package func finish() throws {
    settle(before: own.upperBound)
    if ranks.count == 1 {
      if !isLastInPlace, let sum = buffers.first, !nodes.isEmpty {
        compute.copy(sum.matrix(), into: gradients.matrix())
      }
      return
    }
    if isLastInPlace { store() }
    try addUpWithOthers()
  }

  /// Where leaves end for which nobody else waits: behind the last rank's there is nothing.
  private func end(of own: Range<Int>) -> Int {
    own.upperBound == microBatches ? 1 << levels : own.upperBound
  }

  /// Joins what can be joined, and lets those rise that wait for leaves before `number` which have not come.
  private func settle(before number: Int) {
    let bound = number == own.upperBound ? end(of: own) : number
    while let last = nodes.last, last.level < levels {
      let parent = last.parent
      guard parent.leaves.lowerBound >= own.lowerBound, parent.leaves.upperBound <= end(of: own)
      else { return }
      if last.index.isMultiple(of: 2) {
        guard parent.leaves.upperBound <= bound else { return }
      } else if nodes.count > 1, nodes[nodes.count - 2].parent == parent {
        nodes.removeLast()
        let (left, right) = (nodes.count - 1, nodes.count)
        if isLastInPlace {
          compute.add(buffers[left].matrix(), to: gradients.matrix())
        } else {
          // The gradients may be those of a leaf that is about to come.
          compute.add(buffers[right].matrix(), to: buffers[left].matrix())
        }
      }
      nodes[nodes.count - 1] = parent
    }
  }

  /// Puts the last node's sum where the next leaf does not overwrite it.
  private func store() {
    if buffers.count < nodes.count { buffers.append(AlignedBuffer(count: gradients.count)) }
    compute.copy(gradients.matrix(), into: buffers[nodes.count - 1].matrix())
    isLastInPlace = false
  }

  // With other ranks.

  private func addUpWithOthers() throws {
    let all = try nodesOfAll()
    let slices = (0..<ranks.count).map { ranks.share(of: gradients.count, at: $0) }
    let slice = slices[ranks.rank]
    let others = all.enumerated().filter { $0.offset != ranks.rank }.map(\.element.count)
    let need = others.reduce(0, +) * slice.count
    let memory = received.flatMap { $0.count >= need ? $0 : nil } ?? AlignedBuffer(count: need)
    received = memory
    var sums: [(node: Node, numbers: FloatMatrix)] = []
    func part(_ buffer: AlignedBuffer<Float>, _ range: Range<Int>) -> FloatMatrix {
      FloatMatrix(buffer.base + range.lowerBound, rows: 1, columns: range.count)
    }
    for (place, node) in nodes.enumerated() { sums.append((node, part(buffers[place], slice))) }
    var free = 0
    try ranks.forEachOther { receiver, sender in
      for place in 0..<max(nodes.count, all[sender].count) {
        let sent = place < nodes.count ? part(buffers[place], slices[receiver]) : nil
        var target: FloatMatrix?
        if place < all[sender].count {
          target = part(memory, free..<free + slice.count)
          free += slice.count
          sums.append((all[sender][place], target!))
        }
        try ranks.exchange(
          UnsafeRawBufferPointer(sent?.elements ?? .init(start: nil, count: 0)), to: receiver,
          UnsafeMutableRawBufferPointer(target?.elements ?? .init(start: nil, count: 0)),
          from: sender)
      }
    }
    let result = part(gradients, slice)
    if let sum = sum(of: Node(level: levels, index: 0), &sums) {
      compute.copy(sum, into: result)
    } else {
      compute.fill(result, with: 0)
    }
    try ranks.forEachOther { receiver, sender in
      try ranks.exchange(
        UnsafeRawBufferPointer(result.elements), to: receiver,
        UnsafeMutableRawBufferPointer(part(gradients, slices[sender]).elements), from: sender)
    }
  }

  /// The sum of a subtree, in the memory of one of its parts; nil where nothing has come.
  private func sum(
    of node: Node, _ sums: inout [(node: Node, numbers: FloatMatrix)]
  ) -> FloatMatrix? {
    if let found = sums.first(where: { $0.node == node }) { return found.numbers }
    guard sums.contains(where: { node.leaves.contains($0.node.leaves.lowerBound) }),
      node.level > 0
    else { return nil }
    let children = (0..<2).map { Node(level: node.level - 1, index: 2 * node.index + $0) }
    let (left, right) = (sum(of: children[0], &sums), sum(of: children[1], &sums))
    guard let left, let right else { return left ?? right }
    compute.add(left, to: right)
    return right
  }

  /// The nodes that each rank has sums of.
  private func nodesOfAll() throws -> [[Node]] {
    try ranks.gather(nodes.flatMap { [UInt8](bytesOf: $0) }).map { [Node](bytes: $0) }
  }
}
