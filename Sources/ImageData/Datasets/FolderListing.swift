import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The visible entries of a folder, sorted by the bytes of their names: the same order everywhere,
/// whatever the locale and the file system. Names are strings as `RawName` makes them.
struct FolderListing {
  let path: String
  /// Names of what is a folder, or a link to one.
  private(set) var folders: [String] = []
  /// Names of regular files and of links; neither pipes nor devices, which could block a reader.
  private(set) var files: [String] = []

  /// Folders that systems put beside what people keep: no classes.
  private static let droppings: Set = [
    "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found",
  ]

  /// Whether an entry is one that its owner does not mean by "the files in the folder".
  static func isHidden(_ name: some StringProtocol) -> Bool {
    name.utf8.first == UInt8(ascii: ".") || droppings.contains(String(name))
  }

  /// Lists `path`. Throws `FileError` if it is missing or no folder.
  init(_ path: String) throws {
    self.path = path
    guard let directory = RawName.withPath(path, { opendir($0) }) else {
      throw FileError("read", path)
    }
    defer { closedir(directory) }
    let nameOffset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
    while true {
      // readdir tells an error from the end by errno alone.
      errno = 0
      guard let entry = readdir(directory) else { break }
      // By address: a copy of the field would read 256 bytes of an entry that may have fewer.
      let start = (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: UInt8.self)
      let length = strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
      let name = RawName.string(UnsafeBufferPointer(start: start, count: length))
      if Self.isHidden(name) { continue }
      let type = Int(entry.pointee.d_type)
      if type == Int(DT_REG) {
        files.append(name)
      } else if type == Int(DT_DIR) {
        folders.append(name)
      } else if type == Int(DT_LNK) || type == Int(DT_UNKNOWN) {
        // A link that leads nowhere counts as a file: reading it will say what is wrong.
        if Self.status("\(path)/\(name)").map({ $0.st_mode & S_IFMT == S_IFDIR }) == true {
          folders.append(name)
        } else {
          files.append(name)
        }
      }
    }
    guard errno == 0 else { throw FileError("read", path) }
    folders.sort { $0.precedesInBytes($1) }
    files.sort { $0.precedesInBytes($1) }
  }

  /// The path of an entry.
  func path(_ name: String) -> String { "\(path)/\(name)" }

  /// What the system says of a file or of what a link leads to; nil where there is nothing.
  static func status(_ path: String) -> stat? {
    var status = stat()
    return RawName.withPath(path) { stat($0, &status) } == 0 ? status : nil
  }
}
