import Runtime

/// An IDX file of bytes, whole: 4 bytes 0, 0, 8 (unsigned byte), the number of dimensions; then each
/// extent as a big-endian 32-bit number; then the values.
struct IDXBlock: Sendable {
  let bytes: [UInt8]
  let extents: [Int]
  /// Where the values start.
  let start: Int

  /// Items, the slowest dimension; at least 1.
  var count: Int { extents[0] }

  /// Reads a file that must have `dimensions` dimensions, none of them empty, and no byte too many.
  init(_ path: String, dimensions: Int) throws {
    bytes = try readFile(path)
    let words = bytes
    func word(_ index: Int) -> UInt32 {
      words[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    start = 4 + 4 * dimensions
    let expected = 0x800 | UInt32(dimensions)
    guard bytes.count >= start else {
      throw DatasetError(
        path: path, fault: .header(found: bytes.count, expected: start))
    }
    guard word(0) == expected else {
      throw DatasetError(path: path, fault: .magic(found: word(0), expected: expected))
    }
    let claimed = (1...dimensions).map(word)
    let length = claimed.reduce(1 as Int?) { product, extent in
      guard let (next, overflow) = product?.multipliedReportingOverflow(by: Int(extent)), !overflow
      else { return nil }
      return next
    }
    guard let length, length > 0, length == bytes.count - start else {
      throw DatasetError(path: path, fault: .length(found: bytes.count, claimed: claimed))
    }
    extents = claimed.map(Int.init)
  }
}
