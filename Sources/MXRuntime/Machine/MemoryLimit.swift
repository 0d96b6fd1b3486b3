#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How much resident memory a process may take, and who says so.
package struct MemoryLimit: Sendable, Equatable {
  /// MiB.
  package let mebibytes: Double
  /// Who sets it, as a message names it: "--memory-limit", "this machine's memory".
  package let source: String

  /// A limit that somebody sets.
  package init(mebibytes: Double, source: String) {
    (self.mebibytes, self.source) = (mebibytes, source)
  }

  /// The smallest of what binds this process: the machine's memory, the control group's limit, and
  /// on Linux the process's limits on addresses and data (`ulimit -v`, `-d`), of which what is
  /// mapped without being resident is gone already.
  ///
  /// - Parameter reserved: MiB that will be mapped and never be resident, against the limits on addresses.
  package static func ofProcess(reserved: Double = 0) -> MemoryLimit {
    var limits = [
      MemoryLimit(mebibytes: ProcessUsage.physicalMemory, source: "this machine's memory")
    ]
    #if os(Linux)
      if let groups = readStream("/proc/self/cgroup"),
        let bytes = controlGroup(String(decoding: groups, as: UTF8.self), root: "/sys/fs/cgroup")
      {
        limits.append(
          MemoryLimit(mebibytes: bytes / 1_048_576, source: "the control group's limit"))
      }
      for (resource, mapped, name) in [
        (RLIMIT_AS, "VmSize", "ulimit -v"), (RLIMIT_DATA, "VmData", "ulimit -d"),
      ] {
        var limit = rlimit()
        #if canImport(Glibc)
          let status = getrlimit(__rlimit_resource_t(resource.rawValue), &limit)
        #else
          let status = getrlimit(Int32(resource), &limit)
        #endif
        // "No limit" is the largest number.
        guard status == 0, limit.rlim_cur < 1 << 60, let mapped = ProcessUsage.status(mapped)
        else { continue }
        let headroom = Double(limit.rlim_cur) / 1_048_576 - mapped - reserved
        limits.append(
          MemoryLimit(
            mebibytes: max(0, headroom + ProcessUsage.residentMemory),
            source: "what '\(name)' leaves"))
      }
    #endif
    return limits.min { $0.mebibytes < $1.mebibytes }!
  }

  /// The smallest limit of the control groups that a process is in, in bytes: its own and those
  /// above it.
  ///
  /// - Parameters:
  ///   - groups: /proc/self/cgroup: "0::PATH" of version 2, "N:memory:PATH" of version 1.
  ///   - root: where the groups are mounted.
  package static func controlGroup(_ groups: String, root: String) -> Double? {
    ControlGroups.folders(groups, root: root, controller: "memory").compactMap { folder, version in
      let file = version == 2 ? "memory.max" : "memory.limit_in_bytes"
      guard let bytes = readStream("\(folder)/\(file)"),
        // "max" is no number, and version 1 writes almost 2⁶³ for it.
        let limit = Double(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }),
        limit < 0x1p60
      else { return nil }
      return limit
    }.min()
  }
}

extension MemoryLimit {
  /// What a size on the command line may look like, as it completes "it must be …".
  package static let expectedSize = "a size such as 900MiB, 4GiB or 2G; a bare number is MiB"

  /// The MiB of a size: a number and K, M, G or T, with iB behind it or nothing; with B alone, of
  /// powers of 1000. A bare number is MiB.
  ///
  /// - Returns: nil for anything else, for nothing and less, and above a million TiB.
  package static func mebibytes(_ text: String) -> Double? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let value = Double(number), value > 0 else { return nil }
    let unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
    let bytes: Double
    if unit.isEmpty {
      bytes = value * 1_048_576
    } else {
      guard let power = ["k", "m", "g", "t"].firstIndex(of: unit.prefix(1)),
        ["", "b", "ib"].contains(unit.dropFirst())
      else { return nil }
      let base = unit.dropFirst() == "b" ? 1000.0 : 1024.0
      bytes = (0...power).reduce(value) { size, _ in size * base }
    }
    return bytes < 0x1p60 ? bytes / 1_048_576 : nil
  }
}
