/// One side of a data set of class folders in a tar archive, read where it lies.
struct ImageArchive: ClassedImages {
  let path: String
  let folders: [String]
  let classNames: [String]
  let emptyClasses: [String]
  let passedOver: PassedOver
  private let archive: TarArchive
  private let files: [Member]
  private let labels: [Int32]

  /// A file in a class folder.
  struct Member {
    let entry: TarEntry
    /// How many bytes of the entry's name stand before its path from the class folder on.
    let start: Int32

    init(_ entry: TarEntry, from start: Int) { (self.entry, self.start) = (entry, Int32(start)) }

    var key: String { String(decoding: entry.name.utf8.dropFirst(Int(start)), as: UTF8.self) }
  }

  /// What was found on a side: the files of each class folder, and those in none.
  struct Side {
    var classes: [String: [Member]] = [:]
    var outside: [TarEntry] = []
  }

  /// - Parameters:
  ///   - path: What messages call the side.
  ///   - side: What lies in it, without hidden files. Images are taken in the order of their paths' bytes, as from
  ///     folders; other files are counted.
  /// - Throws: `DatasetError`.
  init(
    _ archive: TarArchive, path: String, _ side: Side, listedBy index: ClassIndex? = nil,
    isTraining: Bool
  ) throws {
    (self.archive, self.path) = (archive, path)
    folders = side.classes.keys.sorted { $0.precedesInBytes($1) }
    if folders.isEmpty { throw DatasetError(path: path, fault: .noClasses) }
    let classes = try ClassIndex.of(folders, in: path, listedBy: index, isTraining: isTraining)
    var passedOver = PassedOver()
    for entry in side.outside {
      if ImageFormat.isImage(entry.name) {
        passedOver.add(archive.name(entry), kind: "outside of the class folders")
      } else {
        passedOver.add(archive.name(entry))
      }
    }
    var files: [Member] = []
    var labels: [Int32] = []
    var emptyClasses: [String] = []
    let placed = classes.placed(folders)
    for (label, folder) in placed.enumerated() {
      guard let folder, let members = side.classes[folder] else { continue }
      let images = members.filter { ImageFormat.isImage($0.entry.name) }
        .sorted { $0.entry.name.precedesInBytes($1.entry.name) }
      var others = PassedOver()
      for member in members where !ImageFormat.isImage(member.entry.name) {
        others.add(archive.name(member.entry))
      }
      passedOver.add(others)
      if images.isEmpty {
        if isTraining, !classes.isListed {
          throw DatasetError(
            path: "\(path)/\(folder)", fault: .emptyClass(passedOver: others.summary))
        }
        emptyClasses.append(classes.names[label])
      }
      files += images
      labels += Array(repeating: Int32(label), count: images.count)
    }
    // Where no folder is one of the classes, the comparison of both sides says more.
    if files.isEmpty, placed.contains(where: { $0 != nil }) {
      throw DatasetError(path: path, fault: .allEmpty)
    }
    classNames = classes.names
    (self.files, self.labels) = (files, labels)
    (self.emptyClasses, self.passedOver) = (emptyClasses, passedOver)
  }

  var count: Int { files.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { archive.name(files[index].entry) }

  func key(_ index: Int) -> String { files[index].key }

  func file(_ index: Int) throws -> [UInt8]? { try archive.read(files[index].entry) }

  func content(_ index: Int) throws -> ImageContent {
    .file(try EncodedImage(archive.read(files[index].entry), name: name(index)))
  }
}
