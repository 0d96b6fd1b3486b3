import Files

/// One side of a data set of class folders: each class is a folder of image files, and of folders of them.
struct ImageFolder: ClassedImages {
  let path: String
  let folders: [String]
  let classNames: [String]
  let emptyClasses: [String]
  let passedOver: PassedOver
  /// The folder of each label.
  private let labelFolders: [String]
  /// From the class folder on.
  private let files: [String]
  private let labels: [Int32]

  /// Finds the images in the class folders in `path`; files are not opened. Hidden files are left out; those that are
  /// no images by their names are counted.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init(_ path: String, listedBy index: ClassIndex? = nil, isTraining: Bool) throws {
    self.path = path
    let listing = try FolderListing(path)
    folders = listing.folders
    if folders.isEmpty { throw DatasetError(path: path, fault: .noClasses) }
    let classes = try ClassIndex.of(folders, in: path, listedBy: index, isTraining: isTraining)
    let placed = classes.placed(folders)
    var passedOver = PassedOver()
    for name in listing.files where name != ClassList.fileName {
      let kind = ImageFormat.isImage(name) ? "outside of the class folders" : nil
      let file = listing.path(name)
      if let kind { passedOver.add(file, kind: kind) } else { passedOver.add(file) }
    }
    var files: [String] = []
    var labels: [Int32] = []
    var emptyClasses: [String] = []
    for (label, folder) in placed.enumerated() {
      guard let folder else { continue }
      let tree = try FolderTree(listing.path(folder))
      passedOver.add(tree.passedOver)
      if tree.files.isEmpty {
        if isTraining, !classes.isListed {
          throw DatasetError(
            path: listing.path(folder), fault: .emptyClass(passedOver: tree.passedOver.summary))
        }
        emptyClasses.append(classes.names[label])
      }
      files += tree.files
      labels += Array(repeating: Int32(label), count: tree.files.count)
    }
    // Where no folder is one of the classes, the comparison of both sides says more.
    if files.isEmpty, placed.contains(where: { $0 != nil }) {
      throw DatasetError(path: path, fault: .allEmpty)
    }
    classNames = classes.names
    labelFolders = zip(placed, classes.folders).map { $0 ?? $1 }
    (self.files, self.labels) = (files, labels)
    (self.emptyClasses, self.passedOver) = (emptyClasses, passedOver)
  }

  var count: Int { files.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { "\(path)/\(labelFolders[label(index)])/\(files[index])" }

  func key(_ index: Int) -> String { files[index] }

  func file(_ index: Int) throws -> [UInt8]? { try readFile(name(index)) }

  func content(_ index: Int) throws -> ImageContent {
    let name = name(index)
    return .file(try EncodedImage(readFile(name), name: name))
  }
}
