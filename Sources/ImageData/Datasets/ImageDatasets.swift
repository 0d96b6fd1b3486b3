import Foundation
import Runtime

/// The images to train on and those to test with.
public struct ImageDatasets: Sendable {
  /// What form the data set has and where it is, in a few words.
  public let source: String
  /// The images to train on.
  public let train: any ImageDataset
  /// The images to test with; the same classes in the same order.
  public let test: any ImageDataset

  /// What was found where, in one line.
  public var description: String {
    "\(source): \(train.count) training and \(test.count) test images of "
      + "\(train.classNames.count) classes"
  }

  private init(_ source: String, _ sides: (train: any ImageDataset, test: any ImageDataset)) {
    (self.source, train, test) = (source, sides.train, sides.test)
  }

  /// The data set of a name or path: "digits" for the built-in one, a tar archive of class folders,
  /// or else a folder of class folders, of archives of them, of WebDataset shards, of CIFAR-10 or
  /// CIFAR-100 binary files, or of IDX files; which, it finds out.
  ///
  /// Throws `FileError` for what is missing or cannot be read, `DatasetError` for what is not as it
  /// should be. Image files are not opened yet; of archives all headers are read; the binary ones
  /// are read and their labels checked.
  public static func open(_ path: String) throws -> ImageDatasets {
    if path == "digits" { return try ImageDatasets("built-in digits", Digits.pair()) }
    if isFile(path) {
      return try ImageDatasets("class folders in the archive \(path)", ImageArchive.pair(path))
    }
    let listing = try FolderListing(path)
    if let sides = try ClassSide.pair(listing) {
      return ImageDatasets("class folders in \(path)", sides)
    }
    for (name, layout) in [
      ("CIFAR-10", CIFARBinary.Layout.cifar10), ("CIFAR-100", CIFARBinary.Layout.cifar100),
    ] {
      let inside =
        listing.folders.contains(layout.folder)
        ? try FolderListing(listing.path(layout.folder)) : listing
      if layout.matches(inside) {
        return try ImageDatasets("\(name) in \(inside.path)", CIFARBinary.pair(inside, layout))
      }
    }
    if let names = IDXFiles.Names(listing) {
      return try ImageDatasets("IDX files in \(path)", IDXFiles.pair(listing, names))
    }
    if let sides = try ShardedSamples.pair(listing) {
      return ImageDatasets("WebDataset shards in \(path)", sides)
    }
    let archive = listing.files.first { file in
      [".gz", ".tar", ".xz", ".zip", ".tgz"].contains { file.hasSuffix($0) }
    }
    throw DatasetError(path: path, fault: .unrecognized(archive: archive))
  }

  /// Whether a path leads to something that is there and no folder.
  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && !isFolder.boolValue
  }
}
