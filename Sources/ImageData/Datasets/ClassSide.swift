/// Where one side of a data set of classes is: a folder of class folders, or an archive of them.
struct ClassSide {
  /// The folder's or archive's name.
  let name: String
  let path: String
  private let isArchive: Bool

  /// The sides "NAME" and "NAME.tar" in a folder, for each of the names in turn.
  static func found(_ names: [String], in listing: FolderListing) -> [ClassSide] {
    names.flatMap { name in
      SideName.found([name], in: listing.folders).map {
        ClassSide(name: $0, path: listing.path($0), isArchive: false)
      }
        + SideName.found(["\(name).tar"], in: listing.files).map {
          ClassSide(name: $0, path: listing.path($0), isArchive: true)
        }
    }
  }

  /// The sides of the data set in a folder; nil where it has no training side of this kind.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func sides(_ listing: FolderListing) throws -> DatasetSides? {
    guard let train = found(SideName.train, in: listing).first else { return nil }
    if train.isArchive {
      // An archive of samples is a shard, which others may lie beside.
      if try ShardedSamples.isShard(train.path) { return nil }
    } else if try isClass(train, in: listing) {
      return nil
    }
    let index = try ClassIndex(in: listing)
    let trainImages = try train.images(listedBy: index, isTraining: true)
    let candidates = found(SideName.test, in: listing)
    return try TestSide.choose(
      among: candidates.map(\.name), for: trainImages, trainSide: train.name, index: index,
      path: listing.path
    ) { name, index in
      // It is one of them.
      try candidates.first { $0.name == name }!.images(listedBy: index, isTraining: false)
    }
  }

  /// The labelled images of a folder that has a side to test with and none to train on; nil where it has neither.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func testOnly(_ listing: FolderListing) throws -> (any ClassedImages)? {
    for side in found(SideName.test, in: listing) {
      do {
        return try side.images(listedBy: try ClassIndex(in: listing), isTraining: false)
      } catch let error as DatasetError where error.fault == .noClasses {
        continue
      }
    }
    return nil
  }

  /// Whether a folder "train" is a class among others, of trains: it holds images and no folders, and beside it are
  /// folders that are no sides.
  private static func isClass(_ train: ClassSide, in listing: FolderListing) throws -> Bool {
    let inside = try FolderListing(train.path)
    return inside.folders.isEmpty && inside.files.contains(where: ImageFormat.isImage)
      && listing.folders.contains { !SideName.isSide($0) }
      && found(SideName.test, in: listing).isEmpty
  }

  private func images(listedBy index: ClassIndex?, isTraining: Bool) throws -> any ClassedImages {
    isArchive
      ? try ImageArchive(side: path, listedBy: index, isTraining: isTraining)
      : try ImageFolder(path, listedBy: index, isTraining: isTraining)
  }
}
