import Runtime

/// One side of a data set of class folders: each class is a folder of JPEG, PNG and WebP files.
struct ImageFolder: ImageDataset {
  let classNames: [String]
  private let path: String
  private let files: [String]
  private let labels: [Int32]

  /// Lists the class folders in `path`; files are not opened. Images deeper down are not found, hidden
  /// and other files are ignored.
  init(_ path: String) throws {
    self.path = path
    classNames = try FolderListing(path).folders
    if classNames.isEmpty { throw DatasetError(path: path, fault: .noClasses) }
    var files: [String] = []
    var labels: [Int32] = []
    for (label, name) in classNames.enumerated() {
      let folder = try FolderListing("\(path)/\(name)")
      let images = folder.files.filter(ImageFormat.isImage)
      if images.isEmpty { throw DatasetError(path: folder.path, fault: .emptyClass) }
      files += images
      labels += Array(repeating: Int32(label), count: images.count)
    }
    self.files = files
    self.labels = labels
  }

  /// Both sides of the class folders in `path`, which has a folder `train`.
  static func pair(_ listing: FolderListing) throws -> (train: ImageFolder, test: ImageFolder) {
    guard let side = ["test", "val"].first(where: listing.folders.contains) else {
      throw DatasetError(path: listing.path, fault: .noTestFolder)
    }
    let train = try ImageFolder(listing.path("train"))
    let test = try ImageFolder(listing.path(side))
    // The first difference in the order of the names, so that the same one is always named.
    let differences = Set(train.classNames).symmetricDifference(test.classNames)
    if let name = differences.min(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      let missing = test.classNames.contains(name) ? "train" : side
      throw DatasetError(
        path: listing.path, fault: .classMismatch(name: name, missingIn: missing))
    }
    return (train, test)
  }

  var count: Int { files.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { "\(path)/\(classNames[label(index)])/\(files[index])" }

  func content(_ index: Int) throws -> ImageContent {
    let name = name(index)
    return .file(try EncodedImage(readFile(name), name: name))
  }
}
