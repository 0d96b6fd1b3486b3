/// One side of a data set of class folders in a tar archive, read where it lies.
struct ImageArchive: ClassedImages {
  let path: String
  let folders: [String]
  let classNames: [String]
  private let archive: TarArchive
  private let files: [TarEntry]
  private let labels: [Int32]

  /// - Parameters:
  ///   - path: What messages call the side.
  ///   - classes: What lies in each class folder. Hidden and other files are ignored; images are
  ///     taken in the order of their paths' bytes, as from folders.
  /// - Throws: `DatasetError`.
  init(
    _ archive: TarArchive, path: String, classes found: [String: [TarEntry]],
    listedBy index: ClassIndex? = nil, isTraining: Bool
  ) throws {
    (self.archive, self.path) = (archive, path)
    folders = found.keys.sorted { $0.precedesInBytes($1) }
    if folders.isEmpty { throw DatasetError(path: path, fault: .noClasses) }
    let classes = try ClassIndex.of(folders, in: path, listedBy: index, isTraining: isTraining)
    var files: [TarEntry] = []
    var labels: [Int32] = []
    for (label, name) in classes.folders.enumerated() {
      guard let entries = found[name] else { continue }
      let images = entries.filter { ImageFormat.isImage($0.name) }
        .sorted { $0.name.precedesInBytes($1.name) }
      if images.isEmpty { throw DatasetError(path: "\(path)/\(name)", fault: .emptyClass) }
      files += images
      labels += Array(repeating: Int32(label), count: images.count)
    }
    classNames = classes.names
    (self.files, self.labels) = (files, labels)
  }

  var count: Int { files.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { archive.name(files[index]) }

  func content(_ index: Int) throws -> ImageContent {
    .file(try EncodedImage(archive.read(files[index]), name: name(index)))
  }
}
