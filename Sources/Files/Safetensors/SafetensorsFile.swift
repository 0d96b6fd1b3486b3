/// A safetensors file opened for reading: its header is checked whole before a tensor is touched.
///
/// Tensors are read from the file when asked for, not mapped: a file that shrinks under a mapping would
/// kill the process.
package final class SafetensorsFile {
  /// The path it was opened by.
  package let path: String
  /// The file's own notes.
  package let metadata: [String: String]
  /// The tensors in the order of their bytes.
  package let entries: [TensorEntry]

  private let file: FileDescriptor
  private let dataStart: Int
  private let byName: [String: TensorEntry]

  /// The format's own bound on the header, which keeps a lying length field from being believed.
  private static let longestHeader = 100_000_000

  /// Opens a file and checks its header.
  ///
  /// - Throws: `FileError` where it cannot be read, `SafetensorsError` where the header is not JSON of
  ///   the right form, names a tensor twice, or claims bytes that overlap, leave holes, do not fit the
  ///   shape, or are not there.
  package init(path: String) throws {
    self.path = path
    file = try FileDescriptor(reading: path)
    let length = try file.length()
    func error(_ fault: SafetensorsError.Fault) -> SafetensorsError {
      SafetensorsError(path: path, fault: fault)
    }
    guard length >= 8 else {
      throw error(try Self.foreign(file) ?? .noHeader(fileLength: length))
    }
    let claimed = try Self.bytes(of: file, at: 0, count: 8).reversed()
      .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard claimed <= UInt64(min(length - 8, Self.longestHeader)) else {
      throw error(
        try Self.foreign(file) ?? .headerLength(claimed: claimed, available: length - 8))
    }
    dataStart = 8 + Int(claimed)
    let header = try SafetensorsHeader(
      Self.bytes(of: file, at: 8, count: Int(claimed)), path: path)
    metadata = header.metadata
    entries = try Self.check(header.entries, available: length - dataStart, error)
    byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
  }

  /// The header's entry of a tensor, or nil where there is none.
  package subscript(name: String) -> TensorEntry? { byName[name] }

  /// The bytes of a tensor as they lie in the file (little-endian, row-major).
  ///
  /// - Parameter part: which of them, counted from the tensor's first; nil for all.
  /// - Precondition: the tensor has the part.
  package func bytes(_ name: String, _ part: Range<Int>? = nil) throws -> [UInt8] {
    let entry = try self.entry(name)
    let part = part ?? 0..<entry.bytes.count
    precondition(part.upperBound <= entry.bytes.count, "bytes \(part) of \(entry.bytes.count)")
    let bytes = try Self.bytes(
      of: file, at: dataStart + entry.bytes.lowerBound + part.lowerBound, count: part.count)
    guard bytes.count == part.count else { throw error(.truncated(tensor: name)) }
    return bytes
  }

  /// A floating-point tensor in single precision; F64 is rounded to nearest.
  ///
  /// - Parameter shape: what the tensor's shape must be, where the caller needs a certain one.
  package func floats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
    let entry = try self.entry(name)
    if let shape, shape != entry.shape {
      throw error(.shape(tensor: name, found: entry.shape, expected: shape))
    }
    return try floats(name, elements: 0..<entry.count)
  }

  /// Some elements of a floating-point tensor in single precision, counted row by row.
  ///
  /// - Precondition: the tensor has them.
  package func floats(_ name: String, elements: Range<Int>) throws -> [Float] {
    let type = try entry(name).type
    guard type.isFloat else {
      throw error(
        .unsuitable(tensor: name, type: type.rawValue, expected: "F32, F16, BF16 or F64"))
    }
    return type.floats(
      try bytes(name, elements.lowerBound * type.size..<elements.upperBound * type.size))
  }

  /// An integer tensor (I64, I32, U8).
  package func integers(_ name: String) throws -> [Int] {
    let entry = try self.entry(name)
    return try bytes(name).withUnsafeBytes { raw in
      switch entry.type {
      case .i64: TensorType.map(raw, UInt64.self) { Int(Int64(bitPattern: $0)) }
      case .i32: TensorType.map(raw, UInt32.self) { Int(Int32(bitPattern: $0)) }
      case .u8: raw.map(Int.init)
      default:
        throw error(
          .unsuitable(tensor: name, type: entry.type.rawValue, expected: "I64, I32 or U8"))
      }
    }
  }

  /// The header's entry of a tensor that must be there.
  package func entry(_ name: String) throws -> TensorEntry {
    guard let entry = byName[name] else {
      throw error(.missing(tensor: name, nearest: nearestName(to: name, among: byName.keys)))
    }
    return entry
  }

  /// Whether the file carries the hash of its bytes.
  package var hasChecksum: Bool { metadata[SafetensorsChecksum.key] != nil }

  /// The hash that the file carries of itself; nil where it carries none.
  package var checksum: String? { metadata[Self.checksumKey] }
  /// Where the metadata have it.
  package static let checksumKey = SafetensorsChecksum.key

  /// Reads the whole file and compares it with the hash that it carries; one that carries none passes.
  ///
  /// - Parameter onDisk: whether to ask the disk, not the system's memory of what was written just now.
  /// - Throws: `SafetensorsError.Fault.checksum` where a byte is not what was written, `FileError`.
  package func verifyChecksum(onDisk: Bool = false) throws {
    guard let expected = metadata[SafetensorsChecksum.key] else { return }
    if onDisk { file.forgetCachedPages() }
    var header = try Self.bytes(of: file, at: 0, count: dataStart)
    SafetensorsChecksum.replace(in: &header, by: SafetensorsChecksum.blank)
    var hash = SHA256()
    hash.update(header)
    var offset = dataStart
    let end = try file.length()
    while offset < end {
      // No more than is there: a small file needs no megabyte.
      let bytes = try Self.bytes(of: file, at: offset, count: min(1 << 20, end - offset))
      if bytes.isEmpty { break }
      hash.update(bytes)
      offset += bytes.count
    }
    let found = hash.digits()
    guard found == expected else { throw error(.checksum(found: found, expected: expected)) }
  }

  /// A fault of this file, for callers that find one in its content.
  package func error(_ fault: SafetensorsError.Fault) -> SafetensorsError {
    SafetensorsError(path: path, fault: fault)
  }

  // MARK: - Checks

  /// That a file whose first bytes are no header is of another format, where they tell which.
  private static func foreign(
    _ file: borrowing FileDescriptor
  ) throws -> SafetensorsError.Fault? {
    try ForeignFormat(of: file).map(SafetensorsError.Fault.foreign)
  }

  private static func check(
    _ raw: [SafetensorsHeader.Entry], available: Int,
    _ error: (SafetensorsError.Fault) -> SafetensorsError
  ) throws -> [TensorEntry] {
    var entries: [TensorEntry] = []
    for item in raw {
      guard let type = TensorType(rawValue: item.type) else {
        throw error(.type(tensor: item.name, found: item.type))
      }
      guard item.begin <= item.end, item.end <= available else {
        throw error(
          .range(tensor: item.name, begin: item.begin, end: item.end, available: available))
      }
      // Overflow is a lie about the shape like any other.
      let size = item.shape.reduce(type.size as Int?) { size, extent in
        guard let (product, overflow) = size?.multipliedReportingOverflow(by: extent), !overflow
        else { return nil }
        return product
      }
      guard size == item.end - item.begin else {
        throw error(
          .size(
            tensor: item.name, shape: item.shape, type: item.type, spanned: item.end - item.begin))
      }
      entries.append(
        TensorEntry(name: item.name, type: type, shape: item.shape, bytes: item.begin..<item.end))
    }
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    var end = 0
    var previous = ""
    for entry in entries {
      if entry.bytes.lowerBound < end {
        throw error(.overlap(first: previous, second: entry.name))
      }
      guard entry.bytes.lowerBound == end else { throw error(.hole(offset: end)) }
      end = entry.bytes.upperBound
      previous = entry.name
    }
    guard end == available else { throw error(.hole(offset: end)) }
    return entries
  }

  // MARK: - Bytes

  private static func bytes(
    of file: borrowing FileDescriptor, at offset: Int, count: Int
  ) throws -> [UInt8] {
    // A copy of the borrow cannot enter the closure, so the buffer is filled in place.
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    if got < count { bytes.removeLast(count - got) }
    return bytes
  }
}
