/// Where one side of a data set of classes is: a folder of class folders, or an archive of them.
struct ClassSide {
  /// The folder's or archive's name.
  let name: String
  private let path: String
  private let isArchive: Bool

  /// The first of the sides "NAME" and "NAME.tar", for each of the names in turn, that is in a
  /// folder.
  init?(_ names: [String], in listing: FolderListing) {
    for name in names {
      if listing.folders.contains(name) {
        (self.name, path, isArchive) = (name, listing.path(name), false)
        return
      }
      let file = "\(name).tar"
      if listing.files.contains(file) {
        (self.name, path, isArchive) = (file, listing.path(file), true)
        return
      }
    }
    return nil
  }

  /// Both sides of the data set in a folder; nil where it has no training side of this kind.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func pair(
    _ listing: FolderListing
  ) throws -> (train: any ClassedImages, test: any ClassedImages)? {
    guard let train = ClassSide(["train"], in: listing) else { return nil }
    // An archive of samples is a shard, which others may lie beside.
    if train.isArchive, try ShardedSamples.isShard(train.path) { return nil }
    guard let test = ClassSide(["test", "val"], in: listing) else {
      throw DatasetError(
        path: listing.path,
        fault: train.isArchive ? .noTestArchive(train: train.name) : .noTestFolder)
    }
    let index = try ClassIndex(in: listing)
    let trainImages = try train.images(listedBy: index, isTraining: true)
    let testImages = try test.images(listedBy: index, isTraining: false)
    if index == nil {
      try checkSameClasses(
        trainImages, testImages, path: listing.path, trainSide: train.name, testSide: test.name)
    }
    return (trainImages, testImages)
  }

  private func images(listedBy index: ClassIndex?, isTraining: Bool) throws -> any ClassedImages {
    isArchive
      ? try ImageArchive(side: path, listedBy: index, isTraining: isTraining)
      : try ImageFolder(path, listedBy: index, isTraining: isTraining)
  }
}
