import Files

/// All images in a folder, or a single image file, whatever labels they may have: what can be looked at where nothing
/// can be trained on. Its "classes" are the folders at the top.
package struct LooseImages: ImageDataset {
  /// The folders at the top, in the order in which their images come.
  package let classNames: [String]
  /// What else lies there.
  let passedOver: PassedOver
  let path: String
  /// From `path` on; an empty one for `path` itself.
  private let files: [String]
  private let labels: [Int32]

  /// The images at a path; nil where there are none.
  ///
  /// - Throws: `FileError`.
  package init?(_ path: String) throws {
    let path = DatasetPath.resolved(path)
    self.path = path
    guard !DatasetPath.isFile(path) else {
      let isImage = ImageFormat(signatureOf: try OtherFile.start(path)) != nil
      (files, labels) = isImage ? ([""], [0]) : ([], [])
      (classNames, passedOver) = (["-"], PassedOver())
      if !isImage { return nil }
      return
    }
    let tree = try FolderTree(path)
    files = tree.files
    passedOver = tree.passedOver
    var classes: [String: Int32] = [:]
    var names: [String] = []
    labels = tree.files.map { file in
      let parts = file.split(separator: "/", maxSplits: 1)
      let name = parts.count > 1 ? String(parts[0]) : "-"
      if let label = classes[name] { return label }
      classes[name] = Int32(names.count)
      names.append(RawName.text(name))
      return Int32(names.count - 1)
    }
    classNames = names
    if files.isEmpty { return nil }
  }

  /// How many images there are.
  package var count: Int { files.count }

  /// The number of the folder at the top that an image lies in.
  package func label(_ index: Int) -> Int { Int(labels[index]) }

  /// The image's path.
  package func name(_ index: Int) -> String {
    files[index].isEmpty ? path : "\(path)/\(files[index])"
  }

  /// The image's path from the folder that is looked at.
  package func key(_ index: Int) -> String { files[index] }

  /// The bytes of an image's file.
  package func file(_ index: Int) throws -> [UInt8]? { try readFile(name(index)) }

  /// An image as it is stored.
  package func content(_ index: Int) throws -> ImageContent {
    .file(try EncodedImage(readFile(name(index)), name: name(index)))
  }
}
