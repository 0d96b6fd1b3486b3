#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

enum ProcessorCount {
  /// Processors online now; at least 1.
  static let current = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
