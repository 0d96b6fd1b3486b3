import Runtime

/// One side of a data set of class folders: each class is a folder of JPEG, PNG and WebP files.
struct ImageFolder: ClassedImages {
  let path: String
  let folders: [String]
  let classNames: [String]
  /// The folder of each label.
  private let labelFolders: [String]
  private let files: [String]
  private let labels: [Int32]

  /// Lists the class folders in `path`; files are not opened. Images deeper down are not found,
  /// hidden and other files are ignored.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init(_ path: String, listedBy index: ClassIndex? = nil, isTraining: Bool) throws {
    self.path = path
    folders = try FolderListing(path).folders
    if folders.isEmpty { throw DatasetError(path: path, fault: .noClasses) }
    let classes = try ClassIndex.of(folders, in: path, listedBy: index, isTraining: isTraining)
    var files: [String] = []
    var labels: [Int32] = []
    let present = Set(folders)
    for (label, name) in classes.folders.enumerated() where present.contains(name) {
      let folder = try FolderListing("\(path)/\(name)")
      let images = folder.files.filter(ImageFormat.isImage)
      if images.isEmpty { throw DatasetError(path: folder.path, fault: .emptyClass) }
      files += images
      labels += Array(repeating: Int32(label), count: images.count)
    }
    (classNames, labelFolders) = (classes.names, classes.folders)
    (self.files, self.labels) = (files, labels)
  }

  var count: Int { files.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { "\(path)/\(labelFolders[label(index)])/\(files[index])" }

  func content(_ index: Int) throws -> ImageContent {
    let name = name(index)
    return .file(try EncodedImage(readFile(name), name: name))
  }
}
