import Foundation
import MXRuntime
import TestSupport
import Testing

@Suite("Limits on memory are read as they are written")
struct MemoryLimitTests {
  @Test(
    "a size is a number and a unit, MiB where it has none",
    arguments: [
      ("900MiB", 900), ("900", 900), ("4GiB", 4096), ("2G", 2048), ("2g", 2048), ("1.5 GiB", 1536),
      ("512K", 0.5), ("1T", 1_048_576), ("1048.576kB", 1), ("1.048576MB", 1),
    ])
  func size(_ text: String, _ mebibytes: Double) throws {
    let found = try #require(MemoryLimit.mebibytes(text))
    #expect(abs(found - mebibytes) < 1e-9 * mebibytes)
  }

  @Test(
    "what is no size, or none that a machine can have, is not guessed at",
    arguments: [
      "", "lots", "-5", "0", "0GiB", "4 apples", "4GiBs", "MiB", "1..5G", "nan", "inf", "1e3",
      "99999999T", "٤GiB",
    ])
  func nonsense(_ text: String) { #expect(MemoryLimit.mebibytes(text) == nil) }

  @Test("the smallest limit of a control group and those above it binds, in either version")
  func controlGroups() throws {
    try withTemporaryFolder { root in
      let write = writer(below: root)
      try write("a/memory.max", "3000\n")
      try write("a/b/memory.max", "max\n")
      try write("memory/c/memory.limit_in_bytes", "9223372036854771712\n")
      try write("memory/memory.limit_in_bytes", "2000\n")
      func limit(_ groups: String) -> Double? { MemoryLimit.controlGroup(groups, root: root) }
      #expect(limit("0::/a/b\n") == 3000)
      #expect(limit("0::/a/none\n") == 3000)
      #expect(limit("0::/b\n") == nil)
      #expect(limit("5:cpu,memory:/c\n1:cpu:/a\n0::/\n") == 2000)
      #expect(limit("5:memory:/c\n0::/a\n") == 2000)
      #expect(limit("") == nil && limit("nonsense\n") == nil)
    }
  }

  @Test("a process has a limit, and its peak is at least what is resident now")
  func process() {
    let limit = MemoryLimit.ofProcess()
    #expect(limit.mebibytes > 0 && limit.mebibytes <= ProcessUsage.physicalMemory)
    let buffer = AlignedBuffer<UInt8>(count: 32 << 20)
    let resident = ProcessUsage.residentMemory
    withExtendedLifetime(buffer) { #expect(resident > 32) }
    // The kernel counts in steps of some pages.
    #expect(ProcessUsage.peakMemory > resident - 4)
  }
}
