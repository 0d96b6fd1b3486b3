#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What buffers and arenas would take of memory, found out without taking it.
///
/// Whoever is made within `dryRun` gets addresses in one region that all share, and enters here what it would have
/// touched of memory of its own. Whatever computes there must be dry itself (`TrainingCompute.dry`; `parallelFor` is): as long as nobody
/// writes, zeros stand at these addresses, and the region has no pages.
package final class MemoryLedger: @unchecked Sendable {
  // Sound because a dry run stays on the thread that began it.
  @TaskLocal static var current: MemoryLedger?
  /// Whether this thread is within a dry run, where nobody writes.
  package static var isRunningDry: Bool { current != nil }

  /// Bytes of what is there now, and the most that there has been since the peak was last forgotten.
  package private(set) var bytes = 0, peak = 0
  private var regions: [(base: UnsafeMutableRawPointer, size: Int)] = []

  /// Nothing entered yet.
  package init() {}

  deinit { for region in regions { munmap(region.base, region.size) } }

  /// Runs `body`, whose buffers and arenas are entered here.
  package func dryRun<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// The peak becomes what is there now.
  package func forgetPeak() { peak = bytes }

  func add(_ bytes: Int) {
    self.bytes += bytes
    peak = max(peak, self.bytes)
  }

  func remove(_ bytes: Int) { self.bytes -= bytes }

  /// An address for so many bytes, aligned to a page; the same ones for everybody.
  func address(bytes: Int) -> UnsafeMutableRawPointer {
    if let last = regions.last, last.size >= bytes { return last.base }
    let size = max(bytes, 2 * (regions.last?.size ?? 1 << 29))
    let region = mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region, region != MAP_FAILED else {
      // Not so many addresses are left (`ulimit -v`). What would take them will be refused; nobody reads here.
      return UnsafeMutableRawPointer(bitPattern: 1 << 40)!
    }
    regions.append((region, size))
    return region
  }
}
