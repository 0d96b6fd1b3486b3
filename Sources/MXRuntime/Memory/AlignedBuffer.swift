/// A zeroed block of `count` elements that starts on a cache line and is freed with its owner.
///
/// A final class with `let` pointers, so that hot loops may hoist `base` into a local and pay no
/// exclusivity check for it.
public final class AlignedBuffer<Element: BitwiseCopyable> {
  /// The first element; aligned to 64 bytes.
  public let base: UnsafeMutablePointer<Element>
  /// How many elements the block holds.
  public let count: Int

  /// What was allocated; `base` lies in it.
  private let block: UnsafeMutableRawPointer
  private static var alignment: Int { 64 }

  /// Allocates `count` elements whose bytes are all zero.
  ///
  /// The start is aligned here, in a block that is a little longer, and not by the allocator: glibc (2.36) cannot put an
  /// aligned block where one of the same size was freed, and an epoch's batches, which come and go, took a hundred megabytes.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) elements")
    let bytes = max(count * MemoryLayout<Element>.stride, 1)
    block = UnsafeMutableRawPointer.allocate(
      byteCount: bytes + Self.alignment - 1, alignment: MemoryLayout<UInt>.alignment)
    let raw = block.alignedUp(toMultipleOf: Self.alignment)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    self.base = raw.assumingMemoryBound(to: Element.self)
    self.count = count
  }

  deinit { block.deallocate() }

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
