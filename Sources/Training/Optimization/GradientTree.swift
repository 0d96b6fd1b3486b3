import Runtime

/// Adds up the gradients of a step's micro-batches in a binary tree that their numbers alone determine: neighbours first,
/// then pairs of neighbours, and so on. Threads, and one day machines, change nothing of the sum.
///
/// It keeps a buffer a level, of which there are as many as the number of micro-batches has binary digits.
final class GradientTree {
  private let gradients: AlignedBuffer<Float>
  private var levels: [AlignedBuffer<Float>] = []
  private var count = 0

  /// A tree whose leaves, and whose sum, are in `gradients`.
  init(_ gradients: AlignedBuffer<Float>) { self.gradients = gradients }

  /// Buffers for some micro-batches, beside that of the gradients.
  static func levels(microBatches: Int) -> Int {
    Int.bitWidth - (max(microBatches, 1) - 1).leadingZeroBitCount
  }

  /// Nothing added up yet.
  func begin() { count = 0 }

  /// Takes the gradients of the next micro-batch.
  func add() {
    // Whatever is complete by this leaf is a binary counter's carry.
    var level = 0
    while count >> level & 1 == 1 {
      addToGradients(levels[level])
      level += 1
    }
    if level == levels.count { levels.append(AlignedBuffer(count: gradients.count)) }
    levels[level].base.update(from: gradients.base, count: gradients.count)
    count += 1
  }

  /// Leaves the sum in the gradients.
  func finish() {
    var isFirst = true
    for level in levels.indices where count >> level & 1 == 1 {
      if isFirst {
        gradients.base.update(from: levels[level].base, count: gradients.count)
      } else {
        addToGradients(levels[level])
      }
      isFirst = false
    }
  }

  private func addToGradients(_ other: AlignedBuffer<Float>) {
    let (sum, part) = (gradients.base, other.base)
    parallelRanges(gradients.count, length: 1 << 15) { range in
      for index in range { sum[index] = part[index] + sum[index] }
    }
  }
}

extension AlignedBuffer<Float> {
  /// Multiplies all elements; by 1, nothing happens.
  func multiply(by factor: Float) {
    guard factor != 1 else { return }
    parallelRanges(count, length: 1 << 15) { range in
      for index in range { base[index] *= factor }
    }
  }
}
