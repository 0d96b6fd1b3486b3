import Runtime

/// The images to train on and those to test with.
public struct ImageDatasets: Sendable {
  /// What was found where, in one line.
  public let description: String
  /// The images to train on.
  public let train: any ImageDataset
  /// The images to test with; the same classes in the same order.
  public let test: any ImageDataset

  private init(_ kind: String, _ sides: (train: any ImageDataset, test: any ImageDataset)) {
    train = sides.train
    test = sides.test
    description =
      "\(kind): \(train.count) training and \(test.count) test images of "
      + "\(train.classNames.count) classes"
  }

  /// The data set of a name or path: "digits" for the built-in one, or else a folder of class folders,
  /// of CIFAR-10 or CIFAR-100 binary files, or of IDX files; which, it finds out.
  ///
  /// Throws `FileError` for what is missing or cannot be read, `DatasetError` for what is not as it
  /// should be. Image files are not opened yet; the binary ones are read and their labels checked.
  public static func open(_ path: String) throws -> ImageDatasets {
    if path == "digits" { return try ImageDatasets("built-in digits", Digits.pair()) }
    let listing = try FolderListing(path)
    if listing.folders.contains("train") {
      return try ImageDatasets("class folders in \(path)", ImageFolder.pair(listing))
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
    let archive = listing.files.first { file in
      [".gz", ".tar", ".xz", ".zip", ".tgz"].contains { file.hasSuffix($0) }
    }
    throw DatasetError(path: path, fault: .unrecognized(archive: archive))
  }
}
