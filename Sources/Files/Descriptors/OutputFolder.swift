import Foundation

/// A folder that a user has named for a result of several files: looked at before the work begins, and there whole or not
/// at all.
package struct OutputFolder: Sendable {
  /// The name that the user gave.
  package let path: String

  /// Looks at where a result is to go.
  ///
  /// - Parameters:
  ///   - path: the name; an empty folder may stand there.
  ///   - files: the names of the files that a result of this kind has: a folder of other files never goes.
  ///   - replaces: whether an older result may go.
  /// - Throws: `OutputError`, `FileError` (no such folder, no permission).
  package init(_ path: String, files: Set<String>, replaces: Bool) throws {
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
    let name = path.hasSuffix("/") ? String(path.dropLast()) : path
    let (beside, older) = ("\(name).\(getpid()).partial", "\(name).\(getpid()).older")
    try createFolders(beside)
    do {
      do {
        try write(beside)
      } catch let error as FileError where error.path.hasPrefix(beside) {
        // The user knows the files by their own names.
        throw FileError(error.action, name + error.path.dropFirst(beside.count), code: error.code)
      }
      let replaces = files.fileExists(atPath: name)
      if replaces { try moveFile(name, to: older) }
      do {
        try moveFile(beside, to: name)
      } catch {
        if replaces { try moveFile(older, to: name) }
        throw error
      }
    } catch {
      try? files.removeItem(atPath: beside)
      throw error
    }
    try? files.removeItem(atPath: older)
  }
}
