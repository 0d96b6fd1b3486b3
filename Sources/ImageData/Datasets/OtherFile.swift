import Files

/// Files that people give in place of a data set.
enum OtherFile {
  /// First bytes, what starts with them, and what to do with it.
  private static let kinds: [(start: [UInt8], name: String, advice: String)] = [
    (Array("PK\u{3}\u{4}".utf8), "a ZIP archive", "unpack it and give the folder"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz-compressed file", "unpack it first (unxz, tar xJf)"),
    (Array("BZh".utf8), "a bzip2-compressed file", "unpack it first (bunzip2, tar xjf)"),
    ([0x28, 0xB5, 0x2F, 0xFD], "a zstd-compressed file", "unpack it first (unzstd)"),
    ([0x37, 0x7A, 0xBC, 0xAF], "a 7z archive", "unpack it and give the folder"),
    (Array("Rar!".utf8), "a RAR archive", "unpack it and give the folder"),
    (Array("PAR1".utf8), "a Parquet table", "write its images into class folders"),
    ([0x89, 0x48, 0x44, 0x46], "an HDF5 file", "write its images into class folders"),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a NumPy array", "write its images into class folders"),
    (Array("SQLite format 3".utf8), "a database", "write its images into class folders"),
  ]

  /// - Throws: `DatasetError` for a file that starts as one of these or as an image does; `FileError`.
  static func refuse(_ path: String) throws {
    let start = try start(path)
    if let kind = kinds.first(where: { start.starts(with: $0.start) }) {
      throw DatasetError(path: path, fault: .otherFile(kind: kind.name, advice: kind.advice))
    }
    if let format = ImageFormat(signatureOf: start) {
      throw DatasetError(
        path: path,
        fault: .otherFile(
          kind: "a single \(format.rawValue) image", advice: "give a folder of class folders"))
    }
  }

  /// The first bytes of a file: as many as tell what it is.
  ///
  /// - Throws: `FileError`.
  static func start(_ path: String) throws -> [UInt8] {
    let file = try FileDescriptor(reading: path)
    return try [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
    }
  }
}
