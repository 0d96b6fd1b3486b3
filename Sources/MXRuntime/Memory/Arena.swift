/// A stack of single-precision numbers for activations and scratch.
///
/// `allocate` moves a cursor; nothing is freed one by one. A training step marks the arena, allocates
/// what the forward pass must remember, and releases to the mark at its end, so that after the first
/// step no memory is asked of the system and every step sees the same addresses (and therefore the
/// same alignment, which some BLAS kernels' sums depend on).
///
/// Not thread-safe: one owner allocates, workers only use what was allocated.
public final class Arena {
  /// A position to release to.
  public struct Mark {
    fileprivate let chunk: Int
    fileprivate let used: Int
    fileprivate let usedCount: Int
  }

  private var chunks: [AlignedFloats] = []
  private var chunk = 0
  private var used = 0
  private let chunkCount: Int

  /// An empty arena that grows in chunks of at least `chunkCount` numbers (by default 64 MiB).
  public init(chunkCount: Int = 16 << 20) {
    self.chunkCount = chunkCount
  }

  /// `count` numbers of undefined value, aligned to 64 bytes, valid until the arena is released to an
  /// earlier mark.
  public func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    precondition(count >= 0, "an allocation of \(count) numbers")
    let rounded = (count + 15) / 16 * 16
    usedCount += rounded
    peakCount = max(peakCount, usedCount)
    while chunk < chunks.count {
      if used + rounded <= chunks[chunk].count {
        let base = chunks[chunk].base + used
        used += rounded
        return base
      }
      chunk += 1
      used = 0
    }
    chunks.append(AlignedFloats(count: max(rounded, chunkCount)))
    used = rounded
    return chunks[chunk].base
  }

  /// `count` bytes of undefined value, aligned to 64 bytes.
  public func allocateBytes(_ count: Int) -> UnsafeMutableRawPointer {
    let size = MemoryLayout<Float>.stride
    return UnsafeMutableRawPointer(allocate((count + size - 1) / size))
  }

  /// `count` elements of undefined value, valid until the arena is released to an earlier mark: for what
  /// the layers of a pass leave to each other.
  public func array<Element: BitwiseCopyable>(
    of type: Element.Type, count: Int
  ) -> UnsafeMutableBufferPointer<Element> {
    let bytes = allocateBytes(count * MemoryLayout<Element>.stride)
    return UnsafeMutableBufferPointer(
      start: bytes.bindMemory(to: type, capacity: count), count: count)
  }

  /// A matrix of undefined values, valid until the arena is released to an earlier mark.
  public func matrix(rows: Int, columns: Int) -> FloatMatrix {
    FloatMatrix(allocate(rows * columns), rows: rows, columns: columns)
  }

  /// A matrix of the values that `value` gives for the places in row-major order, valid as above.
  public func matrix(rows: Int, columns: Int, _ value: (Int) -> Float) -> FloatMatrix {
    let matrix = matrix(rows: rows, columns: columns)
    for place in 0..<matrix.count { matrix.base[place] = value(place) }
    return matrix
  }

  /// The most numbers that have been in use at once.
  package private(set) var peakCount = 0

  /// Numbers in use, without what is left over at the ends of chunks, whose pages are not touched.
  package private(set) var usedCount = 0

  /// The current position.
  public var mark: Mark { Mark(chunk: chunk, used: used, usedCount: usedCount) }

  /// Forgets everything allocated since `mark` was taken.
  public func release(to mark: Mark) {
    precondition(
      mark.chunk < chunk || (mark.chunk == chunk && mark.used <= used),
      "released to a mark that lies ahead")
    chunk = mark.chunk
    used = mark.used
    usedCount = mark.usedCount
  }

  /// Runs `body` and forgets what it allocated.
  public func scratch<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = mark
    defer { release(to: start) }
    return try body()
  }
}

/// Uninitialized and aligned: unlike `AlignedBuffer`, pages that are never used are never touched.
private final class AlignedFloats {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  init(count: Int) {
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    base = raw.assumingMemoryBound(to: Float.self)
    self.count = count
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }
}
