import Files
import MXFormats

/// A GGUF file opened for reading: its header is checked whole before a tensor is touched, and tensors are read when they
/// are asked for.
package final class GGUFReader {
  /// The path it was opened by.
  package let path: String
  /// The notes of this package's exports; empty in files that others wrote.
  package let metadata: [String: String]
  /// The tensors in the order of the header.
  package let entries: [GGUFEntry]

  private let input: GGUFInput
  private let header: (dataStart: Int, checksumPlace: Int?)
  private let places: [String: Int]

  /// Whether a file begins as GGUF does.
  ///
  /// - Throws: `FileError`.
  package static func isGGUF(_ path: String) throws -> Bool {
    let input = try GGUFInput(path: path)
    return try input.bytes(at: 0, count: 4) == GGUFHeader.magic
  }

  /// Opens a file and checks its header.
  ///
  /// - Throws: `FileError` where it cannot be read, `GGUFError` where the header claims what is not there, or is none.
  package init(path: String) throws {
    self.path = path
    input = try GGUFInput(path: path)
    let header = try GGUFHeader(input)
    metadata = header.metadata
    entries = header.entries
    self.header = (header.dataStart, header.checksumPlace)
    places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// The header's entry of a tensor, or nil where there is none.
  package subscript(name: String) -> GGUFEntry? { places[name].map { entries[$0] } }

  /// The header's entry of a tensor that must be there.
  private func entry(_ name: String) throws -> GGUFEntry {
    guard let entry = self[name] else {
      throw error(.missing(tensor: name, nearest: nearestName(to: name, among: places.keys)))
    }
    return entry
  }

  /// Bytes of a tensor as they lie in the file.
  ///
  /// - Parameter part: which of them, counted from the tensor's first; nil for all.
  /// - Throws: `GGUFError.Fault.type` for types that are not read.
  private func bytes(_ entry: GGUFEntry, _ part: Range<Int>? = nil) throws -> [UInt8] {
    guard let whole = entry.bytes else {
      throw input.error(.type(tensor: entry.name, found: entry.type))
    }
    let part = part ?? 0..<whole.count
    precondition(part.upperBound <= whole.count, "bytes \(part) of \(whole.count)")
    let bytes = try input.bytes(
      at: header.dataStart + whole.lowerBound + part.lowerBound, count: part.count)
    guard bytes.count == part.count else { throw error(.truncated(tensor: entry.name)) }
    return bytes
  }

  /// The codes of a tensor in MXFP4, in the order in which published checkpoints have them; nil for another type.
  ///
  /// - Parameter range: which lanes, rows of the last extent; nil for all.
  /// - Throws: `SafetensorsError`, `FileError`.
  package func codes(_ name: String, lanes range: Range<Int>? = nil) throws -> PackedMatrix? {
    let entry = try entry(name)
    guard entry.type == .mxfp4, let whole = entry.bytes else { return nil }
    let lanes = entry.shape.dropLast().reduce(1, *)
    let lane = whole.count / lanes
    let range = range ?? 0..<lanes
    return GGUFBlocks.matrix(
      try bytes(entry, range.lowerBound * lane..<range.upperBound * lane), lanes: range.count)
  }

  /// Reads the whole file and compares it with the hash that it carries; one that carries none passes.
  ///
  /// - Throws: `GGUFError.Fault.checksum` where a byte is not what was written, `FileError`.
  package func verifyChecksum() throws {
    guard let expected = checksum, let place = header.checksumPlace else { return }
    var hash = SHA256()
    let end = place + expected.utf8.count
    var offset = 0
    while offset < input.length {
      // The digits themselves were zeros when the hash was taken.
      let isDigits = (place..<end).contains(offset)
      let next = isDigits ? end : offset < place ? place : input.length
      let bytes = try input.bytes(at: offset, count: min(1 << 20, next - offset))
      if bytes.isEmpty { break }
      hash.update(isDigits ? [UInt8](repeating: UInt8(ascii: "0"), count: bytes.count) : bytes)
      offset += bytes.count
    }
    let found = hash.digits()
    guard found == expected else {
      throw input.error(.checksum(found: found, expected: expected))
    }
  }
}

extension GGUFReader: TensorFile {
  /// The hash that the file carries of itself.
  package var checksum: String? { metadata[SafetensorsFile.checksumKey] }

  /// The names in the order of the header.
  package var tensorNames: [String] { entries.map(\.name) }

  /// The extents that the header gives a tensor.
  package func shape(of name: String) -> [Int]? { self[name]?.shape }

  /// A tensor of plain numbers in single precision.
  ///
  /// - Throws: `GGUFError.Fault.type` for other types, `SafetensorsError`, `FileError`.
  package func floats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
    let entry = try entry(name)
    if let shape, shape != entry.shape {
      throw error(.shape(tensor: name, found: entry.shape, expected: shape))
    }
    return try floats(name, elements: 0..<entry.shape.reduce(1, *))
  }

  /// Some elements of a tensor of plain numbers, counted row by row.
  ///
  /// - Precondition: the tensor has them.
  /// - Throws: as above.
  package func floats(_ name: String, elements: Range<Int>) throws -> [Float] {
    let entry = try entry(name)
    guard let plain = entry.type.plain, plain.isFloat else {
      throw input.error(.type(tensor: name, found: entry.type))
    }
    return plain.floats(
      try bytes(entry, elements.lowerBound * plain.size..<elements.upperBound * plain.size))
  }

  /// A fault that files of every format can have.
  package func error(_ fault: SafetensorsError.Fault) -> SafetensorsError {
    SafetensorsError(path: path, fault: fault)
  }
}
