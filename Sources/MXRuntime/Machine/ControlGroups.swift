/// Linux's control groups, by which containers and schedulers bound what a process takes.
enum ControlGroups {
  /// The folders of the groups that a process is in, its own and those above it, and the version that each is of.
  ///
  /// - Parameters:
  ///   - groups: /proc/self/cgroup: "0::PATH" of version 2, "N:CONTROLLER,…:PATH" of version 1.
  ///   - root: where the groups are mounted.
  static func folders(
    _ groups: String, root: String, controller: String
  ) -> [(folder: String, version: Int)] {
    var folders: [(String, Int)] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isSecond = fields[0] == "0" && fields[1].isEmpty
      guard isSecond || fields[1].split(separator: ",").contains(Substring(controller)) else {
        continue
      }
      let mount = isSecond ? root : "\(root)/\(controller)"
      var parts = fields[2].split(separator: "/")
      while true {
        folders.append((([Substring(mount)] + parts).joined(separator: "/"), isSecond ? 2 : 1))
        if parts.popLast() == nil { break }
      }
    }
    return folders
  }
}
