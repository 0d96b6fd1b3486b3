import Files

/// An IDX file of bytes, whole: 4 bytes 0, 0, 8 (unsigned byte), the number of dimensions; then
/// each extent as a big-endian 32-bit number; then the values. It may be compressed by gzip.
struct IDXBlock: Sendable {
  /// The file's name in messages.
  let path: String
  let bytes: [UInt8]
  let extents: [Int]
  /// Where the values start.
  let start: Int

  /// Items, the slowest dimension; at least 1.
  var count: Int { extents[0] }

  /// Reads a file that must have `dimensions` dimensions, none of them empty, and no byte too many.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  init(_ path: String, dimensions: Int) throws {
    try self.init(readFile(path), path: path, dimensions: dimensions)
  }

  /// Reads the bytes of a file, which messages call `path`.
  ///
  /// - Throws: `DatasetError`.
  init(_ file: [UInt8], path: String, dimensions: Int) throws {
    self.path = path
    start = 4 + 4 * dimensions
    if file.starts(with: GzipReader.signature) {
      let reader = try GzipReader(file, path: path)
      let head = try reader.read(start)
      let header = try Header(head, path: path, dimensions: dimensions)
      // No byte is set aside for a length that the file could not inflate to.
      guard let length = header.length, length / GzipReader.largestRatio <= file.count else {
        throw DatasetError(
          path: path, fault: .length(found: start, claimed: header.claimed))
      }
      let values = try reader.read(length)
      bytes = head + values
      guard length > 0, values.count == length else {
        throw DatasetError(
          path: path, fault: .length(found: bytes.count, claimed: header.claimed))
      }
      guard try reader.read(1).isEmpty else {
        throw DatasetError(path: path, fault: .compressedLength(claimed: bytes.count))
      }
      extents = header.claimed.map(Int.init)
      return
    }
    let header = try Header(file, path: path, dimensions: dimensions)
    guard let length = header.length, length > 0, length == file.count - start else {
      throw DatasetError(path: path, fault: .length(found: file.count, claimed: header.claimed))
    }
    bytes = file
    extents = header.claimed.map(Int.init)
  }

  /// What the file says of itself.
  private struct Header {
    let claimed: [UInt32]
    /// The product of the extents; nil where no integer holds it.
    let length: Int?

    init(_ bytes: [UInt8], path: String, dimensions: Int) throws {
      func word(_ index: Int) -> UInt32 {
        bytes[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) }
      }
      let expected = 0x800 | UInt32(dimensions)
      guard bytes.count >= 4 + 4 * dimensions else {
        throw DatasetError(
          path: path, fault: .header(found: bytes.count, expected: 4 + 4 * dimensions))
      }
      guard word(0) == expected else {
        throw DatasetError(path: path, fault: .magic(found: word(0), expected: expected))
      }
      claimed = (1...dimensions).map(word)
      length = claimed.reduce(1 as Int?) { product, extent in
        guard let (next, overflow) = product?.multipliedReportingOverflow(by: Int(extent)),
          !overflow
        else { return nil }
        return next
      }
    }
  }
}
