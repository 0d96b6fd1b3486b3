import Foundation

/// A folder that a user has named for a result of several files: looked at before the work begins, and there whole or not
/// at all.
package struct OutputFolder: Sendable {
  /// The name that the user gave, without slashes at its end.
  package let path: String

  /// Looks at where a result is to go.
  ///
  /// - Parameters:
  ///   - path: the name; an empty folder may stand there.
  ///   - files: the names of the files that a result of this kind has: a folder of other files never goes.
  ///   - inputs: what the command reads: files, or folders of them, under any names.
  ///   - replaces: whether an older result may go.
  /// - Throws: `OutputError`, `FileError` (no such folder, no permission).
  package init(
    _ path: String, files: Set<String>, inputs: [String], replaces: Bool
  ) throws {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      try checkFolder(of: path, path)
      return
    }
    guard isFolder.boolValue else { throw OutputError.exists(path) }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw FileError("read", path)
    }
    let places = [path] + names.map { "\(path)/\($0)" }
    if let input = inputs.first(where: { input in places.contains { isSameFile($0, input) } }) {
      throw OutputError.isInput(path, input: input)
    }
    if let stranger = names.sorted().first(where: { !files.contains($0) }) {
      throw OutputError.strangers(path, file: stranger)
    }
    guard names.isEmpty || replaces else { throw OutputError.exists(path) }
  }

  /// Writes the files into a folder beside it, which then takes its place.
  ///
  /// - Parameter write: writes into the folder that it is given.
  /// - Throws: what `write` throws, and `FileError`; an older result stands then, and nothing is left beside it.
  package func write(_ write: (_ folder: String) throws -> Void) throws {
    let files = FileManager.default
    let (beside, older) = ("\(path).\(getpid()).partial", "\(path).\(getpid()).older")
    try createFolders(beside)
    do {
      do {
        try write(beside)
      } catch let error as FileError where error.path.hasPrefix(beside) {
        // The user knows the files by their own names.
        throw FileError(error.action, path + error.path.dropFirst(beside.count), code: error.code)
      }
      let replaces = files.fileExists(atPath: path)
      if replaces { try moveFile(path, to: older) }
      do {
        try moveFile(beside, to: path)
      } catch {
        if replaces { try moveFile(older, to: path) }
        throw error
      }
    } catch {
      try? files.removeItem(atPath: beside)
      throw error
    }
    try? files.removeItem(atPath: older)
  }
}

/// Whether two paths lead to the same file or folder.
private func isSameFile(_ a: String, _ b: String) -> Bool {
  var (first, second) = (stat(), stat())
  return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev
    && first.st_ino == second.st_ino
}
