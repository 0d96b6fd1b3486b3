#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Protobuf messages in a file, of which no more is read than is asked for: strings and messages are told by where they lie.
package final class ProtobufFile {
  /// The value of a field, as its kind on the wire tells it.
  package enum Value {
    /// A varint.
    case integer(UInt64)
    /// Four or eight bytes.
    case fixed
    /// A string, a message or packed numbers: where its bytes lie in the file.
    case bytes(Range<Int>)
  }

  /// The path it was opened by.
  package let path: String
  /// The file's bytes.
  package let length: Int

  private let file: FileDescriptor
  private var buffer: [UInt8] = []
  private var start = 0

  private static let bufferSize = 1 << 14

  /// - Throws: `FileError`.
  package init(path: String) throws {
    self.path = path
    file = try FileDescriptor(reading: path)
    length = try file.length()
  }

  /// Calls `body` with the fields of a message one after the other.
  ///
  /// - Parameter range: where the message lies.
  /// - Returns: whether the message is whole; not where it is cut off, or has a kind that is none.
  /// - Throws: `FileError`, and what `body` throws.
  package func forEachField(
    in range: Range<Int>, _ body: (_ field: Int, _ value: Value) throws -> Void
  ) throws -> Bool {
    var place = range.lowerBound
    while place < range.upperBound {
      guard let key = try varint(&place, range.upperBound), key >> 3 <= UInt64(Int32.max) else {
        return false
      }
      let field = Int(key >> 3)
      switch key & 7 {
      case 0:
        guard let value = try varint(&place, range.upperBound) else { return false }
        try body(field, .integer(value))
      case 1, 5:
        let size = key & 7 == 1 ? 8 : 4
        guard size <= range.upperBound - place else { return false }
        place += size
        try body(field, .fixed)
      case 2:
        guard let claimed = try varint(&place, range.upperBound),
          let count = Int(exactly: claimed), count <= range.upperBound - place
        else { return false }
        place += count
        try body(field, .bytes(place - count..<place))
      default: return false
      }
    }
    return true
  }

  /// Bytes of the file.
  ///
  /// - Throws: `FileError`, also where the file has become shorter.
  package func bytes(_ range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: range.lowerBound) }
    guard got == range.count else { throw FileError("read", path, code: EIO) }
    return bytes
  }

  /// A text; nil where it is none.
  package func text(_ range: Range<Int>) throws -> String? {
    String(validating: try bytes(range), as: UTF8.self)
  }

  /// The varints of a packed field; nil where the last one is cut off, or there are too many.
  package func integers(_ range: Range<Int>, most: Int) throws -> [UInt64]? {
    var (place, values) = (range.lowerBound, [UInt64]())
    while place < range.upperBound {
      guard values.count < most, let value = try varint(&place, range.upperBound) else {
        return nil
      }
      values.append(value)
    }
    return values
  }

  private func varint(_ place: inout Int, _ end: Int) throws -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard place < end else { return nil }
      let byte = try self.byte(place)
      place += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    return nil
  }

  private func byte(_ place: Int) throws -> UInt8 {
    if !(start..<start + buffer.count).contains(place) {
      buffer = try bytes(place..<min(length, place + Self.bufferSize))
      start = place
    }
    return buffer[place - start]
  }
}
