import Files
import Foundation

/// The images to train on and those to test with.
package struct ImageDatasets: Sendable {
  /// What form the data set has and where it is, in a few words.
  package let source: String
  /// The images to train on.
  package let train: any ImageDataset
  /// The images to test with; the same classes in the same order.
  package let test: any ImageDataset
  /// All labelled images, where those to test with were split off from those to train on; else nil.
  package let unsplit: (any ImageDataset)?
  /// What is to be said of the data set before it is used, a line each: what is tested with, which images are not
  /// used, which classes are empty.
  package let notes: [String]
  /// Files in the data set's folders that are not taken for its images.
  package let passedOver: (train: PassedOver, test: PassedOver)

  /// What was found where, in one line.
  package var description: String {
    "\(source): \(train.count) training and \(counted(test.count, "test image")) of "
      + counted(train.classNames.count, "class", "classes")
  }

  private init(_ source: String, _ sides: DatasetSides, _ split: ValidationSplit) throws {
    self.source = source
    passedOver = sides.passedOver
    if let test = sides.test {
      (train, self.test, unsplit, notes) = (sides.train, test, nil, sides.notes)
      return
    }
    let (train, kept) = split.sides(sides.train)
    guard kept.count > 0 else {
      throw DatasetError(path: source, fault: .nothingToSplit(images: train.count))
    }
    (self.train, test, unsplit) = (train, kept, sides.train)
    let without = kept.classCounts.count { $0 == 0 }
    notes =
      sides.notes + [
        "no labelled test images: \(kept.count) of the \(sides.train.count) images, "
          + "data.validation_share=\(split.share) of each class, "
          + "\(kept.count == 1 ? "is" : "are") tested with and not trained on"
          + (without > 0
            ? " (but for \(counted(without, "class", "classes")) with a single image or none)" : "")
      ]
  }

  private init(_ source: String, _ sides: (train: any ImageDataset, test: any ImageDataset)) {
    (self.source, train, test, unsplit) = (source, sides.train, sides.test, nil)
    (notes, passedOver) = ([], (PassedOver(), PassedOver()))
  }

  /// The data set of a name or path: "digits" for the built-in one, a tar archive of class folders,
  /// or else a folder of class folders, of archives of them, of WebDataset shards, of CIFAR-10 or
  /// CIFAR-100 binary files, or of IDX files; which, it finds out.
  ///
  /// Throws `FileError` for what is missing or cannot be read, `DatasetError` for what is not as it
  /// should be. Image files are not opened yet; of archives all headers are read; the binary ones
  /// are read and their labels checked.
  ///
  /// - Parameter split: What is kept to test with where there are no labelled test images.
  package static func open(
    _ path: String, split: ValidationSplit = ValidationSplit()
  ) throws -> ImageDatasets {
    if path == "digits" { return try ImageDatasets("built-in digits", Digits.pair()) }
    let path = DatasetPath.resolved(path)
    if DatasetPath.isFile(path) {
      try OtherFile.refuse(path)
      return try ImageDatasets(
        "class folders in the archive \(path)", ImageArchive.sides(path), split)
    }
    let listing = try FolderListing(path)
    if let found = try open(listing, split) { return found }
    // An archive unpacked makes one folder in the folder that it is unpacked in.
    if listing.folders.count == 1, !SideName.isSide(listing.folders[0]),
      !listing.files.contains(where: ImageFormat.isImage)
    {
      let inner = try FolderListing(listing.path(listing.folders[0]))
      if inner.folders.count > 0, let found = try open(inner, split) { return found }
    }
    throw try unrecognized(listing)
  }

  /// The data set in a folder; nil where it is none of those that are known.
  private static func open(
    _ listing: FolderListing, _ split: ValidationSplit
  ) throws -> ImageDatasets? {
    let path = listing.path
    if let sides = try ClassSide.sides(listing) {
      return try ImageDatasets("class folders in \(path)", sides, split)
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
    if let sides = try ShardedSamples.sides(listing) {
      return try ImageDatasets("WebDataset shards in \(path)", sides, split)
    }
    if try isPlain(listing) {
      let images = try ImageFolder(path, listedBy: ClassIndex(in: listing), isTraining: true)
      return try ImageDatasets(
        "class folders in \(path)", DatasetSides(classes: images, test: nil, testSide: ""), split)
    }
    return nil
  }

  /// Whether a folder holds class folders, two at least: none is called like a side to test with or holds sides itself.
  /// (One called "train" that is a side has been met before.)
  private static func isPlain(_ listing: FolderListing) throws -> Bool {
    guard listing.folders.count > 1,
      SideName.found(SideName.test, in: listing.folders).isEmpty
    else { return false }
    for folder in listing.folders {
      let inside = try FolderListing(listing.path(folder))
      if !ClassSide.found(SideName.train, in: inside).isEmpty { return false }
    }
    return try listing.folders.contains { try FolderTree.hasImage(listing.path($0)) }
  }

  /// What is said of a folder that is no data set.
  private static func unrecognized(_ listing: FolderListing) throws -> DatasetError {
    let archive = listing.files.first { file in
      [".gz", ".tar", ".xz", ".zip", ".tgz"].contains { file.hasSuffix($0) }
    }
    let images = listing.files.count(where: ImageFormat.isImage)
    if archive == nil, images > 0 {
      return DatasetError(path: listing.path, fault: .unlabelled(images: images))
    }
    return DatasetError(path: listing.path, fault: .unrecognized(archive: archive))
  }
}
