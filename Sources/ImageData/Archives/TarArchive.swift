import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A tar archive whose files are read where they lie; nothing is unpacked. Any number of threads
/// may read.
package struct TarArchive: Sendable {
  /// The archive's path.
  package let path: String
  /// The open file; nil where it is to be opened for every read.
  private let file: SharedFile?

  /// Opens an archive.
  ///
  /// - Parameter keepsOpen: Whether the file stays open. A process may have but so many files open,
  ///   often 1024, and some data sets come in more shards.
  /// - Throws: `FileError`.
  package init(_ path: String, keepsOpen: Bool = true) throws {
    let file = try SharedFile(path)
    self.path = path
    self.file = keepsOpen ? file : nil
  }

  /// The files in the archive, found by going through all its headers, in the order in which they
  /// lie. Of files of the same name the last one counts, in the first one's place, as with tar
  /// itself, which writes over what it has unpacked.
  ///
  /// - Parameter limit: How many to find at most.
  /// - Throws: `FileError`, `DatasetError`.
  package func entries(limit: Int = .max) throws -> [TarEntry] {
    var index = try TarIndex(opened(), name: path)
    return Self.lastOfEachName(try index.entries(limit: limit))
  }

  /// The files in an archive that is itself a file of this one, under the name they have from here:
  /// "inner.tar/file".
  ///
  /// - Throws: `FileError`, `DatasetError`.
  package func entries(inside entry: TarEntry) throws -> [TarEntry] {
    let range = entry.offset..<entry.offset + entry.size
    var index = try TarIndex(opened(), name: name(entry), range)
    return Self.lastOfEachName(try index.entries()).map {
      TarEntry(name: "\(entry.name)/\($0.name)", offset: $0.offset, size: $0.size)
    }
  }

  /// What messages call a file of the archive.
  package func name(_ entry: TarEntry) -> String { "\(path): \(entry.name)" }

  /// The content of a file.
  ///
  /// - Throws: `FileError` where the archive cannot be read or the file is larger than the 1 GiB
  ///   that other files may have; `DatasetError` where the archive has become shorter meanwhile.
  package func read(_ entry: TarEntry) throws -> [UInt8] {
    guard entry.size <= 1 << 30 else { throw FileError("read", name(entry), code: EFBIG) }
    let file = try opened()
    return try [UInt8](unsafeUninitializedCapacity: entry.size) { buffer, count in
      count = try file.descriptor.read(
        into: UnsafeMutableRawBufferPointer(buffer), at: entry.offset)
      guard count == entry.size else {
        throw DatasetError(
          path: name(entry),
          fault: .archive(
            .truncated(size: entry.size, end: entry.offset + count), offset: entry.offset))
      }
    }
  }

  private func opened() throws -> SharedFile { try file ?? SharedFile(path) }

  private static func lastOfEachName(_ entries: [TarEntry]) -> [TarEntry] {
    var places: [String: Int] = [:]
    places.reserveCapacity(entries.count)
    var result: [TarEntry] = []
    result.reserveCapacity(entries.count)
    for entry in entries {
      if let place = places[entry.name] {
        result[place] = entry
      } else {
        places[entry.name] = result.count
        result.append(entry)
      }
    }
    return result
  }
}
