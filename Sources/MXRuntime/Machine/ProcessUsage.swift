#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What this process has used of the machine, and what there is.
package enum ProcessUsage {
  /// The machine's memory, in MiB.
  package static var physicalMemory: Double {
    Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576
  }

  /// The largest resident memory so far, in MiB.
  ///
  /// On Linux by /proc: what getrusage tells begins with the largest memory of the process that
  /// started this one.
  package static var peakMemory: Double {
    if let peak = status("VmHWM") { return peak }
    var usage = rusage()
    #if canImport(Glibc)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
      getrusage(RUSAGE_SELF, &usage)
    #endif
    #if canImport(Darwin)
      return Double(usage.ru_maxrss) / 1_048_576  // bytes there, KiB elsewhere
    #else
      return Double(usage.ru_maxrss) / 1024
    #endif
  }

  /// The resident memory now, in MiB; the peak where the system does not tell.
  package static var residentMemory: Double { status("VmRSS") ?? peakMemory }

  /// A line of Linux's /proc/self/status, in MiB; nil elsewhere.
  static func status(_ key: String) -> Double? {
    guard let bytes = readStream("/proc/self/status") else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(whereSeparator: { " \t:".contains($0) })
      if words.count >= 2, words[0] == key { return Double(words[1]).map { $0 / 1024 } }
    }
    return nil
  }
}

/// What can be read of a file whose length the system does not know, as those in /proc, up to 64 KiB; nil where it
/// cannot be opened.
func readStream(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  return [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
    count = fread(buffer.baseAddress, 1, buffer.count, file)
  }
}
