#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a file beside its place, flushes it, and renames it into place: whoever looks sees the old
/// file or the new one, never a part. After an error the old file stands and nothing is left beside it.
///
/// - Parameters:
///   - check: looks at the finished file before it takes its place, and throws where it must not.
///   - place: moves the finished file to its place; by default it replaces the old one.
package func writeFileAtomically(
  _ path: String, check: (_ finished: String) throws -> Void = { _ in },
  place: ((_ finished: String) throws -> Void)? = nil,
  _ write: (borrowing FileDescriptor) throws -> Void
) throws {
  let beside = "\(path).\(getpid())\(partialSuffix)"
  do {
    do {
      let file = try FileDescriptor(creating: beside)
      try write(file)
      try file.synchronize()
    }
    try check(beside)
    if let place { try place(beside) } else { try moveFile(beside, to: path) }
    // The new name is on the disk once the folder is.
    synchronizeFolder(of: path)
  } catch let error as FileError where error.path == beside {
    unlink(beside)
    // The user knows the file by its own name.
    throw FileError(error.action, path, code: error.code)
  } catch {
    unlink(beside)
    throw error
  }
}

/// How the name of a file ends while it is written.
private let partialSuffix = ".partial"

/// Gives a file another name, whose old bearer is gone with that.
package func moveFile(_ path: String, to target: String) throws {
  guard rename(path, target) == 0 else { throw FileError("write", target) }
}

/// Removes what writers that were killed have left beside `path`.
package func removePartialFiles(of path: String) {
  let (folder, name) = folderAndName(path)
  guard let stream = opendir(folder) else { return }
  defer { closedir(stream) }
  while let entry = readdir(stream) {
    let found = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let middle = found.dropFirst(name.count + 1).dropLast(partialSuffix.count)
    if found == "\(name).\(middle)\(partialSuffix)", !middle.isEmpty, middle.allSatisfy(\.isNumber)
    {
      unlink("\(folder)/\(found)")
    }
  }
}

/// Waits until a folder's list of names is on the disk. Where a file system cannot do that, nothing more can be done.
private func synchronizeFolder(of path: String) {
  let handle = open(folderAndName(path).folder, O_RDONLY | O_CLOEXEC)
  guard handle >= 0 else { return }
  _ = fsync(handle)
  _ = close(handle)
}

/// A path's folder, "." where it names none, and the rest.
func folderAndName(_ path: String) -> (folder: String, name: Substring) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
  return (
    slash == path.startIndex ? "/" : String(path[..<slash]), path[path.index(after: slash)...]
  )
}

/// Writes `text` as the whole content of a file, atomically.
package func writeFileAtomically(_ path: String, text: String) throws {
  try writeFileAtomically(path) { file in
    var text = text
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
  }
}
