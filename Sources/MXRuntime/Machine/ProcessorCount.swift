#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How many processors this process may keep busy.
package enum ProcessorCount {
  /// Those online, of these the ones that the process may run on (`taskset`, a scheduler), and no more than the time its
  /// control groups grant (a container's `--cpus`), rounded up; at least 1.
  package static let current: Int = {
    var count = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    #if os(Linux)
      func text(_ path: String) -> String {
        String(decoding: readStream(path) ?? [], as: UTF8.self)
      }
      count = min(count, allowed(status: text("/proc/self/status")) ?? count)
      if let quota = quota(text("/proc/self/cgroup"), root: "/sys/fs/cgroup") {
        count = min(count, Int(quota.rounded(.up)))
      }
    #endif
    return max(1, count)
  }()

  /// The processors in the list "0-3,8" of a process's /proc status; nil where there is none.
  package static func allowed(status: String) -> Int? {
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
      return nil
    }
    var count = 0
    for range in line.dropFirst(key.count).split(separator: ",") {
      let ends = range.filter { !$0.isWhitespace }
        .split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else {
        return nil
      }
      count += last - first + 1
    }
    return count > 0 ? count : nil
  }

  /// The processors whose time the control groups of a process grant it, which need not be whole; nil for all.
  ///
  /// - Parameters:
  ///   - groups: /proc/self/cgroup.
  ///   - root: where the groups are mounted.
  package static func quota(_ groups: String, root: String) -> Double? {
    func numbers(_ path: String) -> [Double?] {
      String(decoding: readStream(path) ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .map { Double($0) }
    }
    return ControlGroups.folders(groups, root: root, controller: "cpu").compactMap {
      folder, version in
      // Microseconds of a period; "max" and -1 are no bound.
      let values =
        version == 2
        ? numbers("\(folder)/cpu.max")
        : numbers("\(folder)/cpu.cfs_quota_us") + numbers("\(folder)/cpu.cfs_period_us")
      guard values.count == 2, let quota = values[0], let period = values[1], quota > 0, period > 0
      else { return nil }
      return quota / period
    }.min()
  }
}
