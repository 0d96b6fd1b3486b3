/// What a pax extended header says of the file behind it: lines "LENGTH KEY=VALUE", the length in
/// decimal and of the whole line. Keys that do not tell name, place or size are passed over.
struct PaxRecords {
  /// In place of the header's name.
  private(set) var path: [UInt8]?
  /// In place of the header's link name.
  private(set) var linkPath: [UInt8]?
  /// In place of the header's size.
  private(set) var size: Int?
  /// Whether the file has holes: its content is then not what lies in the archive.
  private(set) var isSparse = false

  /// - Throws: `ArchiveFault.extendedHeader`.
  init(_ bytes: ArraySlice<UInt8>) throws(ArchiveFault) {
    var rest = bytes
    // Some writers pad with zeros.
    while let first = rest.first, first != 0 {
      guard let space = rest.firstIndex(of: UInt8(ascii: " ")),
        let length = Self.number(rest[..<space]), length <= rest.count,
        length > space - rest.startIndex + 1,
        rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
      else { throw .extendedHeader }
      let record = rest[space + 1..<rest.startIndex + length - 1]
      rest = rest[(rest.startIndex + length)...]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw .extendedHeader }
      try take(String(decoding: record[..<equals], as: UTF8.self), record[(equals + 1)...])
    }
  }

  private mutating func take(
    _ key: String, _ value: ArraySlice<UInt8>
  ) throws(ArchiveFault) {
    switch key {
    case "path": path = Array(value)
    case "linkpath": linkPath = Array(value)
    case "size":
      guard let number = Self.number(value) else { throw .extendedHeader }
      size = number
    default:
      if key.hasPrefix("GNU.sparse.") { isSparse = true }
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard digits.first != UInt8(ascii: "-"), digits.first != UInt8(ascii: "+") else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
