#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What this process has used of the machine, and what there is.
public enum ProcessUsage {
  /// The machine's memory, in MiB.
  public static var physicalMemory: Double {
    Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576
  }

  /// The largest resident memory so far, in MiB.
  public static var peakMemory: Double {
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
}
