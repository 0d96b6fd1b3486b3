extension ImageArchive {
  /// Both sides in one archive that has folders train/ and test/ or val/, perhaps all in another
  /// one, and perhaps beside them a list of the classes. Images that lie deeper than in class
  /// folders are ignored, as in folders.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  static func pair(_ path: String) throws -> (train: ImageArchive, test: ImageArchive) {
    let archive = try TarArchive(path)
    let entries = try archive.entries()
    let top = try topFolder(entries, path: path)
    var sides: [Substring: [String: [TarEntry]]] = [:]
    var list: TarEntry?
    for entry in entries where entry.name.hasPrefix(top) {
      let parts = entry.name.dropFirst(top.count).split(separator: "/")
      if parts.count == 1, parts[0] == ClassIndex.fileName { list = entry }
      guard parts.count >= 3, ["train", "test", "val"].contains(parts[0]),
        !parts[1].hasPrefix("."), parts.count > 3 || !parts[2].hasPrefix(".")
      else { continue }
      // What lies deeper is no image of the class, but makes its folder one that is there.
      let files = parts.count == 3 ? [entry] : []
      sides[parts[0], default: [:]][String(parts[1]), default: []] += files
    }
    guard let side = ["test", "val"].first(where: { sides[$0] != nil }) else {
      throw DatasetError(path: path, fault: .noTestFolder)
    }
    let index = try list.map { try ClassIndex(archive.read($0), path: archive.name($0)) }
    func images(_ side: Substring) throws -> ImageArchive {
      try ImageArchive(
        archive, path: "\(path): \(top)\(side)", classes: sides[side] ?? [:], listedBy: index,
        isTraining: side == "train")
    }
    let (train, test) = (try images("train"), try images(side))
    if index == nil {
      try checkSameClasses(train, test, path: path, trainSide: "train", testSide: String(side))
    }
    return (train, test)
  }

  /// The folder that has a folder "train" with class folders: "" for the archive's top, else its
  /// path with a slash behind. Of several the one that lies highest.
  private static func topFolder(_ entries: [TarEntry], path: String) throws -> String {
    var tops: Set<String> = []
    var depth = Int.max
    for entry in entries {
      let parts = entry.name.split(separator: "/")
      // Behind it follow a class and a file at least.
      guard let place = parts.dropLast(2).firstIndex(of: "train"), place <= depth else { continue }
      if place < depth { tops = [] }
      depth = place
      tops.insert(parts[..<place].map { "\($0)/" }.joined())
    }
    let sorted = tops.sorted { $0.precedesInBytes($1) }
    guard let first = sorted.first else { throw DatasetError(path: path, fault: .noTrainFolder) }
    if sorted.count > 1 {
      throw DatasetError(path: path, fault: .severalTops(first: first, second: sorted[1]))
    }
    return first
  }

  /// One side that is an archive of its own. The class of an image is the folder it lies in.
  /// Archives in the archive are classes too, with all images in them: so ImageNet is published.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init(side path: String, listedBy index: ClassIndex?, isTraining: Bool) throws {
    let archive = try TarArchive(path)
    var classes: [String: [TarEntry]] = [:]
    for entry in try archive.entries() {
      let parts = entry.name.split(separator: "/").suffix(2)
      guard let file = parts.last, !file.hasPrefix(".") else { continue }
      if file.hasSuffix(".tar") {
        classes[String(file.dropLast(4)), default: []] += try archive.entries(inside: entry)
          .filter { !$0.name.contains("/.") }
      } else if let folder = parts.dropLast().first, !folder.hasPrefix("."),
        ImageFormat.isImage(entry.name)
      {
        classes[String(folder), default: []].append(entry)
      }
    }
    try self.init(archive, path: path, classes: classes, listedBy: index, isTraining: isTraining)
  }
}
