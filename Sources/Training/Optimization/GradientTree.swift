import MXCompute
import MXRuntime

/// Adds up the gradients of a step's micro-batches in a binary tree that their numbers alone determine: neighbours
/// first, then pairs of neighbours, and so on. Threads, and one day machines, change nothing of the sum.
///
/// It keeps a buffer a level, of which there are as many as the number of the last micro-batch has binary digits.
final class GradientTree {
  private let gradients: AlignedBuffer<Float>
  private let compute: any TrainingCompute
  /// How many leaves it has.
  let microBatches: Int
  private var levels: [AlignedBuffer<Float>] = []
  private var count = 0

  /// A tree of so many leaves, which come and whose sum is left in `gradients`.
  init(_ gradients: AlignedBuffer<Float>, microBatches: Int, _ compute: any TrainingCompute) {
    (self.gradients, self.microBatches, self.compute) = (gradients, microBatches, compute)
  }

  /// Buffers for some micro-batches, beside that of the gradients.
  static func levels(microBatches: Int) -> Int {
    Int.bitWidth - (microBatches - 1).leadingZeroBitCount
  }

  /// Nothing added up yet.
  func begin() { count = 0 }

  /// Takes the gradients of the next micro-batch.
  func add() {
    // As in a binary counter: what this leaf completes is carried up to the first level that has nothing yet.
    let level = (~count).trailingZeroBitCount
    for full in 0..<level { compute.add(levels[full].matrix(), to: gradients.matrix()) }
    count += 1
    guard count < microBatches else { return }
    if level == levels.count { levels.append(AlignedBuffer(count: gradients.count)) }
    compute.copy(gradients.matrix(), into: levels[level].matrix())
  }

  /// Leaves the sum in the gradients.
  func finish() {
    let lowest = count.trailingZeroBitCount
    // Where fewer have come than were to, even the lowest level's sum lies in its buffer.
    if count < microBatches {
      compute.copy(levels[lowest].matrix(), into: gradients.matrix())
    }
    for level in levels.indices.dropFirst(lowest + 1) where count >> level & 1 == 1 {
      compute.add(levels[level].matrix(), to: gradients.matrix())
    }
  }
}
