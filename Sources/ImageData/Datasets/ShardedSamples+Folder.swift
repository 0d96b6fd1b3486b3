extension ShardedSamples {
  /// Both sides of the data set in a folder; nil where it has no shards to train on.
  ///
  /// Shards are archives with "train" in their names, and with "test" or else "val" (as in
  /// "validation"); sides are in the order of their names' bytes.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func pair(
    _ listing: FolderListing
  ) throws -> (train: ShardedSamples, test: ShardedSamples)? {
    let archives = listing.files.filter { $0.hasSuffix(".tar") }
    let train = archives.filter { $0.contains("train") }
    guard let first = train.first else { return nil }
    let others = archives.filter { !$0.contains("train") }
    guard
      let test = ["test", "val"].map({ side in others.filter { $0.contains(side) } })
        .first(where: { !$0.isEmpty })
    else { throw DatasetError(path: listing.path, fault: .noTestArchive(train: first)) }

    let index = try ClassIndex(in: listing)
    let trainSamples = try ShardedSamples(train.map(listing.path), classNames: index?.names)
    if let index, let path = index.path {
      let present = Set((0..<trainSamples.count).map(trainSamples.label))
      if let label = index.folders.indices.first(where: { !present.contains($0) }) {
        throw DatasetError(
          path: path,
          fault: .missingClass(name: index.folders[label], place: listing.path(first)))
      }
    }
    let testSamples = try ShardedSamples(
      test.map(listing.path), classNames: trainSamples.classNames)
    return (trainSamples, testSamples)
  }
}
