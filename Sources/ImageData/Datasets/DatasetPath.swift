import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where a data set is, as people write it.
package enum DatasetPath {
  /// A path as the system takes it: "~" and "~name" stand for home folders, unless something here is called so (quotes
  /// and recipes keep the shell from saying it first), and slashes behind it count for nothing.
  package static func resolved(_ path: String) -> String {
    var path = path
    while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
    guard path.utf8.first == UInt8(ascii: "~"), FolderListing.status(path) == nil else {
      return path
    }
    // What shells put in its place.
    if path == "~" || path.hasPrefix("~/"), let home = getenv("HOME"), home[0] != 0 {
      return String(cString: home) + path.dropFirst()
    }
    return NSString(string: path).expandingTildeInPath
  }

  /// Whether something lies there.
  package static func exists(_ path: String) -> Bool { FolderListing.status(resolved(path)) != nil }

  /// The path from the root on; nil where the working folder is not known.
  package static func absolute(_ path: String) -> String? {
    let path = resolved(path)
    if path.utf8.first == UInt8(ascii: "/") { return path }
    guard let here = getcwd(nil, 0) else { return nil }
    defer { free(here) }
    let folder = RawName.string(
      UnsafeRawBufferPointer(start: here, count: strlen(here)))
    return path == "." ? folder : "\(folder)/\(path)"
  }

  /// The path from the root on, without what leads nowhere or back; nil where the working folder is not known.
  package static func normalized(_ path: String) -> String? {
    absolute(path).map { "/" + components($0).joined(separator: "/") }
  }

  /// A path from a folder on, as both are now; nil where the working folder is not known.
  package static func relative(_ path: String, to folder: String) -> String? {
    guard let path = absolute(path), let folder = absolute(folder) else { return nil }
    let (parts, base) = (components(path), components(folder))
    let common = zip(parts, base).prefix { $0 == $1 }.count
    let up = Array(repeating: "..", count: base.count - common)
    let relative = (up + parts[common...]).joined(separator: "/")
    return relative.isEmpty ? "." : relative
  }

  /// The folders and the name of an absolute path, without those that lead nowhere or back.
  private static func components(_ path: String) -> [String] {
    var result: [String] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = result.popLast() } else { result.append(String(part)) }
    }
    return result
  }

  /// Whether a path leads to something that is there and no folder.
  static func isFile(_ path: String) -> Bool {
    FolderListing.status(path).map { $0.st_mode & S_IFMT != S_IFDIR } ?? false
  }
}
