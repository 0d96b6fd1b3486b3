/// A zeroed block of `count` elements that starts on a cache line and is freed with its owner.
///
/// A final class with `let` pointers, so that hot loops may hoist `base` into a local and pay no
/// exclusivity check for it.
public final class AlignedBuffer<Element: BitwiseCopyable> {
  /// The first element; aligned to 64 bytes.
  public let base: UnsafeMutablePointer<Element>
  /// How many elements the block holds.
  public let count: Int

  /// What was allocated, in which `base` lies; or the ledger of a dry run, in which nothing was.
  private let block: UnsafeMutableRawPointer?
  private let ledger: MemoryLedger?
  private static var alignment: Int { 64 }

  /// Allocates `count` elements whose bytes are all zero.
  ///
  /// The start is aligned here, in a block that is a little longer, and not by the allocator: glibc (2.36) cannot put an
  /// aligned block where one of the same size was freed, and an epoch's batches, which come and go, took a hundred megabytes.
  public convenience init(count: Int) {
    self.init(uninitializedCount: count)
    if ledger == nil {
      let bytes = max(count * MemoryLayout<Element>.stride, 1)
      UnsafeMutableRawPointer(base).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }

  /// Allocates `count` elements of undefined value. Pages that nobody writes take no memory.
  package init(uninitializedCount count: Int) {
    precondition(count >= 0, "a buffer of \(count) elements")
    self.count = count
    let bytes = max(count * MemoryLayout<Element>.stride, 1)
    ledger = MemoryLedger.current
    if let ledger {
      ledger.add(bytes)
      block = nil
      base = ledger.address(bytes: bytes).assumingMemoryBound(to: Element.self)
      return
    }
    let block = UnsafeMutableRawPointer.allocate(
      byteCount: bytes + Self.alignment - 1, alignment: MemoryLayout<UInt>.alignment)
    self.block = block
    base = block.alignedUp(toMultipleOf: Self.alignment).assumingMemoryBound(to: Element.self)
  }

  /// Allocates `count` elements of one value.
  package convenience init(repeating value: Element, count: Int) {
    self.init(count: count)
    if ledger == nil { elements.update(repeating: value) }
  }

  /// Allocates the elements of an array.
  package convenience init(_ elements: [Element]) {
    self.init(count: elements.count)
    if ledger == nil { _ = self.elements.update(fromContentsOf: elements) }
  }

  deinit {
    block?.deallocate()
    ledger?.remove(max(count * MemoryLayout<Element>.stride, 1))
  }

  /// A buffer of the same elements.
  package func copy() -> AlignedBuffer {
    let copy = AlignedBuffer(count: count)
    copy.update(from: self)
    return copy
  }

  /// Takes over the elements of a buffer of the same length.
  package func update(from other: AlignedBuffer) {
    precondition(count == other.count, "\(other.count) elements into \(count)")
    if ledger == nil { _ = elements.update(fromContentsOf: other.elements) }
  }

  /// An element; the index is not checked.
  public subscript(index: Int) -> Element {
    get { base[index] }
    set { base[index] = newValue }
  }

  /// The elements, for code that is not hot and wants its indices checked.
  public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}

// Sound because the pointer and the count never change; who may write which elements when is settled
// by `parallelFor`, whose slices are disjoint.
extension AlignedBuffer: @unchecked Sendable where Element: Sendable {}
