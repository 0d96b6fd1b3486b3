/// A stack of single-precision numbers for activations and scratch.
///
/// `allocate` moves a cursor; nothing is freed one by one. A training step marks the arena, allocates
/// what the forward pass must remember, and releases to the mark at its end, so that after the first
/// step no memory is asked of the system and every step sees the same addresses.
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
  private let ledger: MemoryLedger?
  /// In a dry run: what is really written and read there.
  private var arrays: [UnsafeMutableRawPointer] = []

  /// An empty arena that grows in chunks of at least `chunkCount` numbers (by default 64 MiB).
  public init(chunkCount: Int = 16 << 20) {
    self.chunkCount = chunkCount
    ledger = MemoryLedger.current
  }

  deinit {
    for array in arrays { array.deallocate() }
    ledger?.remove(touchedCount * MemoryLayout<Float>.stride)
  }

  /// `count` numbers of undefined value, aligned to 64 bytes, valid until the arena is released to an
  /// earlier mark.
  public func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    precondition(count >= 0, "an allocation of \(count) numbers")
    let rounded = (count + 15) / 16 * 16
    usedCount += rounded
    if chunk < chunks.count, used > 0, used + rounded > chunks[chunk].count {
      chunk += 1
      used = 0
    }
    if chunk == chunks.count {
      chunks.append(AlignedFloats(count: max(rounded, chunkCount), ledger))
    } else if used + rounded > chunks[chunk].count {
      enlarge(chunks[chunk], to: rounded)
    }
    let base = chunks[chunk].base + used
    used += rounded
    touch()
    return base
  }

  /// Puts a larger chunk in the place of one that holds nothing, which would else stay empty behind the cursor.
  private func enlarge(_ empty: AlignedFloats, to count: Int) {
    touchedCount -= empty.touched
    ledger?.remove(empty.touched * MemoryLayout<Float>.stride)
    empty.enlarge(to: count, ledger)
  }

  /// Pages that have been used once stay with the process, though they be released.
  private func touch() {
    let new = used - chunks[chunk].touched
    guard new > 0 else { return }
    chunks[chunk].touched = used
    touchedCount += new
    ledger?.add(new * MemoryLayout<Float>.stride)
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
    var bytes = allocateBytes(count * MemoryLayout<Element>.stride)
    if ledger != nil {
      let size = max(count * MemoryLayout<Element>.stride, 1)
      bytes = .allocate(byteCount: size, alignment: 64)
      bytes.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      arrays.append(bytes)
    }
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

  /// A matrix of numbers in row-major order, which are copied; valid as above.
  public func matrix(copying numbers: Span<Float>, rows: Int) -> FloatMatrix {
    precondition(
      rows > 0 && numbers.count.isMultiple(of: rows), "\(numbers.count) numbers in \(rows) rows")
    let matrix = matrix(rows: rows, columns: numbers.count / rows)
    for place in numbers.indices { matrix.base[place] = numbers[place] }
    return matrix
  }

  /// Numbers whose pages have been used.
  package private(set) var touchedCount = 0

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
  private(set) var base: UnsafeMutablePointer<Float>
  private(set) var count: Int
  /// How many of them, from the first on, have been used.
  var touched = 0
  private let isDry: Bool

  init(count: Int, _ ledger: MemoryLedger?) {
    base = Self.memory(count, ledger)
    self.count = count
    isDry = ledger != nil
  }

  /// Other memory, more of it, whose contents are undefined; the old one is given back first.
  func enlarge(to count: Int, _ ledger: MemoryLedger?) {
    giveBack()
    base = Self.memory(count, ledger)
    (self.count, touched) = (count, 0)
  }

  private static func memory(_ count: Int, _ ledger: MemoryLedger?) -> UnsafeMutablePointer<Float> {
    let bytes = count * MemoryLayout<Float>.stride
    let raw = ledger?.address(bytes: bytes) ?? .allocate(byteCount: bytes, alignment: 64)
    return raw.assumingMemoryBound(to: Float.self)
  }

  private func giveBack() { if !isDry { UnsafeMutableRawPointer(base).deallocate() } }

  deinit { giveBack() }
}
