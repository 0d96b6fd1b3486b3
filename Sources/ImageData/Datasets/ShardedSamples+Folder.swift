extension ShardedSamples {
  /// The sides of the data set in a folder; nil where it has no shards to train on.
  ///
  /// Shards are archives with "train" in their names, and with "test" or else "val" (as in
  /// "validation"); sides are in the order of their names' bytes.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func sides(_ listing: FolderListing) throws -> DatasetSides? {
    let archives = listing.files.filter { $0.hasSuffix(".tar") }
    let train = archives.filter { $0.contains("train") }
    guard let first = train.first else { return nil }
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
    let others = archives.filter { !$0.contains("train") }
    let sides = ["test", "val"].map { side in others.filter { $0.contains(side) } }
      .filter { !$0.isEmpty }
    var notes: [String] = []
    var test: ShardedSamples?
    for (place, side) in sides.enumerated() where test == nil {
      do {
        test = try ShardedSamples(side.map(listing.path), classNames: trainSamples.classNames)
        if place + 1 < sides.count {
          notes.append("tested with \(side[0]) …; not used: \(sides[place + 1][0]) …")
        }
      } catch let error as DatasetError where error.fault.isMissingLabel && place + 1 < sides.count
      {
        notes.append(
          "\(side[0]) … has samples without labels: tested with \(sides[place + 1][0]) …")
      }
    }
    var result = DatasetSides(train: trainSamples, test: test)
    result.passedOver = (trainSamples.passedOver, test?.passedOver ?? PassedOver())
    result.notes = notes
    return result
  }
}

extension DatasetError.Fault {
  fileprivate var isMissingLabel: Bool {
    if case .sampleWithoutLabel = self { true } else { false }
  }
}
