extension ImageArchive {
  /// Both sides in one archive that has folders train/ and test/ or val/ and the like, perhaps all in another one, and
  /// perhaps beside them a list of the classes; or its class folders, where it has none called like a side.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func sides(_ path: String) throws -> DatasetSides {
    let archive = try TarArchive(path)
    let entries = try archive.entries()
    guard let (top, trainName) = try topFolder(entries, path: path) else {
      guard !hasSide(entries) else { throw DatasetError(path: path, fault: .noTrainFolder) }
      return try plain(archive, entries, path: path)
    }
    var sides: [String: Side] = [:]
    var list: TarEntry?
    for entry in entries where entry.name.hasPrefix(top) {
      let parts = entry.name.dropFirst(top.count).split(separator: "/")
      if parts.count == 1, parts[0] == ClassList.fileName { list = entry }
      guard parts.count >= 2, SideName.isSide(parts[0]),
        !parts.dropFirst().contains(where: FolderListing.isHidden)
      else { continue }
      let side = String(parts[0])
      if parts.count == 2 {
        sides[side, default: Side()].outside.append(entry)
      } else {
        // What lies deeper belongs to the class folder all the same.
        let start = top.utf8.count + parts[0].utf8.count + parts[1].utf8.count + 2
        sides[side, default: Side()].classes[String(parts[1]), default: []].append(
          Member(entry, from: start))
      }
    }
    let index = try list.map { try ClassIndex(archive.read($0), path: archive.name($0)) }
    func images(_ name: String, _ index: ClassIndex?, isTraining: Bool) throws -> ImageArchive {
      try ImageArchive(
        archive, path: "\(path): \(top)\(name)", sides[name] ?? Side(), listedBy: index,
        isTraining: isTraining)
    }
    let train = try images(trainName, index, isTraining: true)
    let candidates = SideName.found(SideName.test, in: Array(sides.keys))
    return try TestSide.choose(
      among: candidates, for: train, trainSide: trainName, index: index, path: path
    ) { try images($0, $1, isTraining: false) }
  }

  /// One side that is an archive of its own.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init(side path: String, listedBy index: ClassIndex?, isTraining: Bool) throws {
    let archive = try TarArchive(path)
    let side = try Self.side(archive, archive.entries())
    try self.init(archive, path: path, side, listedBy: index, isTraining: isTraining)
  }

  /// All files of an archive in their class folders: the folders that the images lie in, or, where some lie deeper than
  /// others, those as high as the highest. Archives in the archive are classes too, with all images in them: so
  /// ImageNet is published.
  private static func side(_ archive: TarArchive, _ entries: [TarEntry]) throws -> Side {
    var side = Side()
    var members: [TarEntry] = []
    for entry in entries {
      guard !entry.name.split(separator: "/").contains(where: FolderListing.isHidden) else {
        continue
      }
      if entry.name.hasSuffix(".tar") {
        let start = entry.name.utf8.count + 1
        let file = entry.name.split(separator: "/").last ?? ""
        side.classes[String(file.dropLast(4)), default: []] += try archive.entries(inside: entry)
          .filter { !$0.name.contains("/.") }.map { Member($0, from: start) }
      } else if entry.name != ClassList.fileName {
        members.append(entry)
      }
    }
    // Folders above an image in a class folder; what lies in no folder is in no class.
    func depth(_ entry: TarEntry) -> Int { entry.name.utf8.count { $0 == UInt8(ascii: "/") } }
    let classDepth = members.filter { ImageFormat.isImage($0.name) && depth($0) > 0 }
      .map(depth).min()
    for entry in members {
      let parts = entry.name.split(separator: "/")
      // Another file makes no class of its folder.
      guard let classDepth, parts.count > classDepth,
        ImageFormat.isImage(entry.name) || side.classes[String(parts[classDepth - 1])] != nil
      else {
        side.outside.append(entry)
        continue
      }
      let start = parts[..<classDepth].reduce(0) { $0 + $1.utf8.count + 1 }
      side.classes[String(parts[classDepth - 1]), default: []].append(Member(entry, from: start))
    }
    return side
  }

  /// An archive of class folders without sides.
  private static func plain(
    _ archive: TarArchive, _ entries: [TarEntry], path: String
  ) throws -> DatasetSides {
    let side = try side(archive, entries)
    guard !side.classes.isEmpty else { throw DatasetError(path: path, fault: .noTrainFolder) }
    let list = entries.first { $0.name == ClassList.fileName }
    let index = try list.map { try ClassIndex(archive.read($0), path: archive.name($0)) }
    return DatasetSides(
      classes: try ImageArchive(archive, path: path, side, listedBy: index, isTraining: true),
      test: nil, testSide: "")
  }

  /// Whether an archive has folders that are called like a side.
  private static func hasSide(_ entries: [TarEntry]) -> Bool {
    entries.contains { $0.name.split(separator: "/").dropLast().contains(where: SideName.isSide) }
  }

  /// The folder that has a folder "train" with class folders, and what that is called: "" for the archive's top, else
  /// its path with a slash behind. Of several the one that lies highest; nil where there is none.
  private static func topFolder(
    _ entries: [TarEntry], path: String
  ) throws -> (top: String, train: String)? {
    var tops: [String: String] = [:]
    var depth = Int.max
    for entry in entries {
      let parts = entry.name.split(separator: "/")
      // Behind it follow a class and a file at least.
      guard
        let place = parts.dropLast(2).firstIndex(where: {
          SideName.train.contains($0.lowercased())
        }), place <= depth, !parts.contains(where: FolderListing.isHidden)
      else { continue }
      if place < depth { tops = [:] }
      depth = place
      let top = parts[..<place].map { "\($0)/" }.joined()
      let name = String(parts[place])
      // As with folders, the usual name comes first.
      if tops[top] == nil || name == SideName.train[0] { tops[top] = name }
    }
    let sorted = tops.sorted { $0.key.precedesInBytes($1.key) }
    guard let first = sorted.first else { return nil }
    if sorted.count > 1 {
      throw DatasetError(
        path: path, fault: .severalTops(first: first.key, second: sorted[1].key))
    }
    return (first.key, first.value)
  }
}
