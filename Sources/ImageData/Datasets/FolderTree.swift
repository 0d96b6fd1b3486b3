import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The image files in a folder and in all folders below it, and what else lies there.
///
/// Links to folders are followed, each folder once: neither a link back up, which would never end, nor two links to the
/// same folder, whose doubling would, add anything.
struct FolderTree {
  /// Paths of images from the folder on, sorted by their bytes.
  private(set) var files: [String] = []
  /// Files that are no images by their names.
  private(set) var passedOver = PassedOver()

  /// A folder of the file system, whatever path leads to it.
  struct Identity: Hashable {
    let device: UInt64
    let number: UInt64

    /// - Throws: `FileError` where there is no folder.
    init(_ path: String) throws {
      guard let status = FolderListing.status(path) else { throw FileError("read", path) }
      (device, number) = (UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino))
    }

    /// Those of the folders that a folder lies in, up to the root.
    static func above(_ path: String) -> Set<Identity> {
      var found: Set<Identity> = []
      var path = path + "/.."
      // Where one may not be looked at, none above it is met again.
      while let folder = try? Identity(path), found.insert(folder).inserted { path += "/.." }
      return found
    }
  }

  /// Goes through a folder.
  ///
  /// - Parameter limit: Stop when so many images have been found.
  /// - Throws: `FileError` where a folder cannot be listed.
  init(_ path: String, limit: Int = .max) throws {
    var visited = Identity.above(path)
    visited.insert(try Identity(path))
    // Folders still to be listed; their paths from the first one on, with a slash behind.
    var waiting = [""]
    while let folder = waiting.popLast(), files.count < limit {
      let whole = folder.isEmpty ? path : "\(path)/\(folder.dropLast())"
      let listing = try FolderListing(whole)
      for name in listing.files {
        if ImageFormat.isImage(name) {
          files.append(folder + name)
        } else {
          passedOver.add(listing.path(name))
        }
      }
      let links = listing.folders.filter { Self.isLink(listing.path($0)) }
      var inside: [String] = []
      // Folders before links to them, so that a file is called by the path at which it lies.
      for name in listing.folders.filter({ !links.contains($0) }) + links {
        if visited.insert(try Identity(listing.path(name))).inserted {
          inside.append("\(folder)\(name)/")
        } else {
          passedOver.add(listing.path(name), kind: "links to a folder that is there already")
        }
      }
      waiting += inside.reversed()
    }
    files.sort { $0.precedesInBytes($1) }
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return RawName.withPath(path) { lstat($0, &status) } == 0
      && status.st_mode & S_IFMT == S_IFLNK
  }

  /// Whether a folder or one below it has an image.
  static func hasImage(_ path: String) throws -> Bool {
    try !FolderTree(path, limit: 1).files.isEmpty
  }
}
