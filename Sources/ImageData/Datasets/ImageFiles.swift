import Foundation
import Runtime

/// The image files of a folder and of all folders in it, in the order of their names' bytes.
public struct ImageFiles: Sendable {
  /// Their paths, which begin with the folder's.
  public private(set) var images: [String] = []
  /// How many other files there are, by their names' endings.
  public private(set) var others = 0

  /// Looks through a folder; one that links lead to twice is looked at once.
  ///
  /// - Throws: `FileError` where a folder cannot be read.
  public init(in folder: String) throws {
    var seen: Set<String> = []
    try add(folder, &seen)
  }

  private mutating func add(_ folder: String, _ seen: inout Set<String>) throws {
    guard seen.insert(URL(fileURLWithPath: folder).resolvingSymlinksInPath().path).inserted else {
      return
    }
    let listing = try FolderListing(folder)
    for file in listing.files {
      if ImageFormat.isImage(file) { images.append(listing.path(file)) } else { others += 1 }
    }
    for inner in listing.folders { try add(listing.path(inner), &seen) }
  }
}
