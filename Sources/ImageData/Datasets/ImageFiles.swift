/// The image files of a folder and of all folders in it, as data sets find them.
package struct ImageFiles: Sendable {
  /// Their paths, which begin with the folder's, in the order of their bytes.
  package let images: [String]
  /// What else lies there.
  package let passedOver: PassedOver

  /// Looks through a folder; one that links lead to twice is looked at once.
  ///
  /// - Throws: `FileError` where a folder cannot be read.
  package init(in folder: String) throws {
    let tree = try FolderTree(folder)
    images = tree.files.map { "\(folder)/\($0)" }
    passedOver = tree.passedOver
  }
}
