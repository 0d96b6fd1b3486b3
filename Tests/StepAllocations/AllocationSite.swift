import CAllocationCounter

/// The stack of an allocation.
struct AllocationSite: CustomStringConvertible {
  private struct Frame {
    let image, symbol: String
    let offset: UInt
  }

  /// From the caller of malloc outwards.
  private let frames: ArraySlice<Frame>

  init(_ site: allocation_site) {
    var site = site
    let frames = withUnsafeBytes(of: &site.frames) { bytes in
      bytes.bindMemory(to: UInt.self).prefix(Int(site.depth)).map(Self.frame)
    }
    let allocators = ["malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"]
    let last = frames.lastIndex { allocators.contains($0.symbol) }
    self.frames = frames[(last.map { $0 + 1 } ?? 0)...]
  }

  private static func frame(_ address: UInt) -> Frame {
    let place = allocation_place_of(UnsafeMutableRawPointer(bitPattern: address))
    return Frame(
      image: place.image.map { String(cString: $0) } ?? "?",
      symbol: place.symbol.map { String(cString: $0) } ?? "", offset: UInt(place.offset))
  }

  /// Whether libdispatch itself asked, as it does for the records that hand work to its threads, and
  /// for the threads: the first code outside of the C library is its.
  var isInDispatch: Bool {
    let caller = frames.first { frame in
      !["/libc.so", "/ld-linux", "/libpthread"].contains(where: frame.image.contains)
    }
    return caller?.image.contains("/libdispatch.so") ?? false
  }

  /// What `llvm-symbolizer` reads, a frame a line.
  var description: String {
    frames.map { "\"\($0.image)\" 0x\(String($0.offset - 1, radix: 16))\n" }.joined()
  }
}
