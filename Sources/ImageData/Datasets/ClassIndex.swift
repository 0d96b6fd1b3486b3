import Files
import Foundation

/// Which class folder has which label, and what its class is called.
struct ClassIndex: Sendable {
  /// The file that says so; nil where the folders' names do.
  let path: String?
  /// The folder of each label.
  let folders: [String]
  /// What the class of each label is called.
  let names: [String]

  /// Labels in the order of the folders' names, which are sorted by their bytes.
  init(sorted folders: [String]) {
    (path, self.folders, names) = (nil, folders, folders.map(RawName.text))
  }

  /// Whether a file says so.
  var isListed: Bool { path != nil }

  /// Which of the folders that were found has which label: nil for a label without a folder.
  ///
  /// Names are compared as people read them, and folders then called as the file system has them: an accent may be a
  /// character of its own in one place and part of a letter in another.
  func placed(_ found: [String]) -> [String?] {
    if found == folders { return found }
    let byText = Dictionary(found.map { (RawName.text($0), $0) }) { first, _ in first }
    return folders.map { byText[RawName.text($0)] }
  }

  /// Labels that a file gives, so that folders may be renamed, and added in any place of the
  /// alphabet, without another class taking over a label.
  ///
  /// A line is a class: its folder, and after a tabulator what it is called if that is something
  /// else. Blank lines and those that start with "#" are passed over; the others are labels 0, 1,
  /// 2, …
  ///
  /// - Throws: `DatasetError` for a folder that stands in two lines and for a file without classes.
  init(_ bytes: [UInt8], path: String) throws {
    var folders: [String] = []
    var names: [String] = []
    var lines: [String: Int] = [:]
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let content = bytes.starts(with: mark) ? bytes[3...] : bytes[...]
    let text = RawName.text(RawName.string(content))
    // Each kind of line break is one character, "\r\n" too.
    let all = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in all.enumerated() {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") { continue }
      let parts = line.split(separator: "\t", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      if let first = lines.updateValue(index + 1, forKey: parts[0]) {
        throw DatasetError(
          path: path, fault: .repeatedClass(name: parts[0], first: first, second: index + 1))
      }
      folders.append(parts[0])
      names.append(parts[parts.count - 1])
    }
    if folders.isEmpty { throw DatasetError(path: path, fault: .emptyClassList) }
    (self.path, self.folders, self.names) = (path, folders, names)
  }

  /// The index in a folder, where there is one.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init?(in listing: FolderListing) throws {
    guard listing.files.contains(ClassList.fileName) else { return nil }
    let path = listing.path(ClassList.fileName)
    try self.init(readFile(path), path: path)
  }

  /// The labels of class folders: those that `index` gives, or without one those of the alphabet.
  ///
  /// - Parameters:
  ///   - found: The folders' names, sorted by their bytes. An index of a file must list all of them, and for
  ///     training all that it lists must be there; one of the other side's folders is held against them later.
  ///   - place: Where they were found.
  /// - Throws: `DatasetError` that names the first folder that is in one of the two only.
  static func of(
    _ found: [String], in place: String, listedBy index: ClassIndex?, isTraining: Bool
  ) throws -> ClassIndex {
    guard let index else { return ClassIndex(sorted: found) }
    guard let path = index.path else { return index }
    let listed = Set(index.folders)
    if let name = found.map(RawName.text).first(where: { !listed.contains($0) }) {
      throw DatasetError(path: path, fault: .unlistedClass(name: name, place: place))
    }
    let present = Set(found.map(RawName.text))
    if isTraining, let name = index.folders.first(where: { !present.contains($0) }) {
      throw DatasetError(path: path, fault: .missingClass(name: name, place: place))
    }
    return index
  }
}
