import MXCompute
import MXFormats
import MXRuntime
import TestSupport

/// Runs operations on the same numbers by any implementation, and notes the bits that come out.
struct Trial {
  let compute: any TrainingCompute
  let arena = Arena(chunkCount: 1 << 16)
  private(set) var results: [(name: String, bits: [UInt32])] = []

  init(_ compute: any TrainingCompute) { self.compute = compute }

  func normals(_ rows: Int, _ columns: Int, seed: UInt64) -> FloatMatrix {
    var random = TestRandom(seed: seed)
    return arena.matrix(rows: rows, columns: columns) { _ in random.normal() }
  }

  func buffer(_ count: Int, seed: UInt64) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count: count)
    _ = buffer.elements.update(from: normals(1, count, seed: seed).elements)
    return buffer
  }

  mutating func note(_ name: String, _ matrices: FloatMatrix...) {
    results.append((name, matrices.flatMap { $0.elements.map(\.bitPattern) }))
  }

  mutating func note(_ name: String, _ buffers: AlignedBuffer<Float>...) {
    results.append((name, buffers.flatMap { $0.elements.map(\.bitPattern) }))
  }

  mutating func note(_ name: String, _ numbers: [Double]) {
    results.append(
      (
        name,
        numbers.flatMap {
          [UInt32(truncatingIfNeeded: $0.bitPattern), UInt32($0.bitPattern >> 32)]
        }
      ))
  }
}
