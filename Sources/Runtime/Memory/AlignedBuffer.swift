/// A zeroed block of `count` elements that starts on a cache line and is freed with its owner.
///
/// A final class with `let` pointers, so that hot loops may hoist `base` into a local and pay no
/// exclusivity check for it.
public final class AlignedBuffer<Element: BitwiseCopyable> {
  /// The first element; aligned to 64 bytes.
  public let base: UnsafeMutablePointer<Element>
  /// How many elements the block holds.
  public let count: Int

  /// Allocates `count` elements whose bytes are all zero.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) elements")
    let bytes = max(count * MemoryLayout<Element>.stride, 1)
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    self.base = raw.assumingMemoryBound(to: Element.self)
    self.count = count
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  /// The elements, for code that is not hot and wants its indices checked.
  public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}

// Sound because the pointer and the count never change; who may write which elements when is settled
// by `parallelFor`, whose slices are disjoint.
extension AlignedBuffer: @unchecked Sendable where Element: Sendable {}
