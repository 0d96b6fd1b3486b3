#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Makes a folder and those that it lies in, where they are not there yet.
///
/// - Throws: `FileError` with the system's own reason, as that a part of the path is a file.
package func createFolders(_ path: String) throws {
  guard !isFolder(path) else { return }
  if RawName.withPath(path, { mkdir($0, 0o777) }) == 0 { return }
  var reason = errno
  if reason == ENOENT, let parent = parent(of: path) {
    try createFolders(parent)
    if RawName.withPath(path, { mkdir($0, 0o777) }) == 0 { return }
    reason = errno
  }
  // Another process may have made it meanwhile.
  guard reason == EEXIST, isFolder(path) else { throw FileError("create", path, code: reason) }
}

private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return RawName.withPath(path) { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The folder that a path lies in; nil where the path names none.
private func parent(of path: String) -> String? {
  let name = path.utf8.lastIndex { $0 != UInt8(ascii: "/") }
  guard let name, let slash = path.utf8[..<name].lastIndex(of: UInt8(ascii: "/")),
    slash > path.utf8.startIndex
  else { return nil }
  return String(path[..<slash])
}
