import MXCompute
import MXRuntime
import Ranks

/// Adds up the gradients of a step's micro-batches in a binary tree that their numbers alone determine: neighbours
/// first, then pairs of neighbours, and so on; a micro-batch that is missing adds nothing. Threads and ranks change nothing of
/// the sum.
///
/// Each rank has a run of the numbers. It adds up what lies within it: whole subtrees, at most two a level, of which all but
/// the last have buffers of their own. `GradientExchange` adds those of all ranks, layer by layer while the backward pass of the
/// last micro-batch still goes on.
package final class GradientTree {
  /// How many leaves it has.
  package let microBatches: Int
  /// Those of this rank.
  package let own: Range<Int>
  private let gradients: AlignedBuffer<Float>
  private let compute: any TrainingCompute
  private let levels: Int
  /// Nil where this rank is the only one.
  private let exchange: GradientExchange?
  /// The sums of whole subtrees so far, from left to right, in as many of the buffers; the last one's lies in `gradients`
  /// where `isLastInPlace`.
  private var nodes: [Node] = []
  private var buffers: [AlignedBuffer<Float>] = []
  private var isLastInPlace = false
  /// What is to be done with the gradients of the last leaf, from `open` down.
  private var operations: [Operation] = []
  private var open = 0

  /// A subtree: leaves `index` << `level` and 2^`level` − 1 further ones.
  struct Node: Equatable, BitwiseCopyable {
    var level: Int
    var index: Int
    var parent: Node { Node(level: level + 1, index: index / 2) }
    var leaves: Range<Int> { index << level..<(index + 1) << level }
  }

  /// What is done, element by element, with gradients that have come.
  private enum Operation {
    case scale(by: Float)
    /// Adds a buffer to them, or the next buffer to a buffer.
    case take(Int)
    case join(Int)
    /// Puts them into a buffer, where the next leaf does not overwrite them.
    case store(Int)
  }

  /// A tree of so many leaves, which come in ascending order and whose sum is left in `gradients`.
  ///
  /// - Parameter chunks: what others are sent at once; a part of all, from the end to the beginning.
  package init(
    _ gradients: AlignedBuffer<Float>, microBatches: Int, _ compute: any TrainingCompute,
    ranks: any Ranks = Alone(), chunks: [Range<Int>]? = nil
  ) {
    (self.gradients, self.microBatches) = (gradients, microBatches)
    self.compute = compute
    levels = Self.levels(microBatches: microBatches)
    own = ranks.share(of: microBatches)
    exchange =
      ranks.count == 1
      ? nil
      : GradientExchange(
        gradients, levels: levels, ranks: ranks, chunks: chunks ?? [0..<gradients.count])
  }

  /// The levels above the leaves.
  private static func levels(microBatches: Int) -> Int {
    Int.bitWidth - (microBatches - 1).leadingZeroBitCount
  }

  /// How many buffers of the gradients' size it takes beside them, at most, on each of so many ranks.
  static func buffers(microBatches: Int, ranks: Int) -> Int {
    levels(microBatches: (microBatches + ranks - 1) / ranks)
      * (sums(microBatches: microBatches, ranks: ranks) == 1 ? 1 : 2)
  }

  /// How many sums each of so many ranks has of its run, at most.
  static func sums(microBatches: Int, ranks: Int) -> Int {
    let own = (microBatches + ranks - 1) / ranks
    // A run that begins or ends within a subtree has nodes on the way up, and on the way down.
    let isWhole = microBatches.isMultiple(of: ranks) && own & (own - 1) == 0
    return ranks == 1 || isWhole ? 1 : max(1, 2 * levels(microBatches: own))
  }

  /// Nothing added up yet.
  package func begin() {
    nodes.removeAll(keepingCapacity: true)
    isLastInPlace = false
  }

  /// Plans what becomes of the gradients of a micro-batch, which are about to come.
  package func expect(_ number: Int, scaledBy factor: Float = 1) {
    operations.removeAll(keepingCapacity: true)
    open = gradients.count
    settle(before: number)
    if factor != 1 { operations.append(.scale(by: factor)) }
    nodes.append(Node(level: 0, index: number))
    isLastInPlace = true
    settle(before: number + 1)
    if !isLast(number) { store() }
  }

  /// Whether no other micro-batch of this rank comes after this one.
  package func isLast(_ number: Int) -> Bool { number == own.upperBound - 1 }

  /// The gradients of that micro-batch have come, from this place on.
  package func take(from start: Int = 0) {
    if start < open { perform(start..<open) }
    open = start
    exchange?.send(from: start)
  }

  /// No further micro-batch comes, though the last one has not.
  package func close() {
    operations.removeAll(keepingCapacity: true)
    settle(before: own.upperBound)
    perform(0..<gradients.count)
    open = 0
    if exchange == nil, !nodes.isEmpty {
      compute.copy(buffers[0].matrix(), into: gradients.matrix())
    }
  }

  /// The sums that this rank has, or will have once its last micro-batch has come: what `beginExchange` wants of all.
  package var ownNodes: [UInt8] { nodes.flatMap { [UInt8](bytesOf: $0) } }

  /// Begins to exchange sums with others, in step with `take` of the last micro-batch.
  package func beginExchange(_ nodes: [[UInt8]]) {
    exchange?.begin(
      self.nodes.indices.map { place in
        isLastInPlace && place == self.nodes.count - 1 ? gradients : buffers[place]
      }, nodes.map { [Node](bytes: $0) })
  }

  /// The gradients of the last micro-batch will not come: those of no rank shall be finite. (Those of the bias of the layer
  /// that failed are not anyway; a layer without one has only this.)
  func spoil() { gradients[0] = .nan }

  /// Leaves the sum of all ranks in the gradients.
  ///
  /// - Throws: what the exchange throws.
  package func finish() throws {
    take()
    try exchange?.finish()
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
        let left = nodes.count - 1
        operations.append(isLastInPlace ? .take(left) : .join(left))
      }
      nodes[nodes.count - 1] = parent
    }
  }

  private func store() {
    if buffers.count < nodes.count { buffers.append(AlignedBuffer(count: gradients.count)) }
    operations.append(.store(nodes.count - 1))
    isLastInPlace = false
  }

  private func perform(_ range: Range<Int>) {
    func part(_ buffer: AlignedBuffer<Float>) -> FloatMatrix {
      FloatMatrix(buffer.base + range.lowerBound, rows: 1, columns: range.count)
    }
    for operation in operations {
      switch operation {
      case .scale(let factor): compute.scale(part(gradients), by: factor)
      case .take(let left): compute.add(part(buffers[left]), to: part(gradients))
      case .join(let left): compute.add(part(buffers[left + 1]), to: part(buffers[left]))
      case .store(let place): compute.copy(part(gradients), into: part(buffers[place]))
      }
    }
  }
}
