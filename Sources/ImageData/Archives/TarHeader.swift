/// One header of a tar archive: 512 bytes of text fields at fixed places (POSIX.1-2017, pax, "ustar
/// Interchange Format"; the field's use by GNU tar as in its manual, "Basic Tar Format").
struct TarHeader {
  /// Headers and contents start at multiples of it.
  static let blockSize = 512

  /// What follows the header.
  enum Kind: Equatable {
    /// A file's content.
    case file
    /// Text that describes the next header: pax records.
    case extendedHeader
    /// Text that describes all headers behind it. Nothing in it says where a file lies.
    case globalHeader
    /// The name of the next header (GNU).
    case longName
    /// The target of the next header, a link (GNU).
    case longLink
    /// Nothing: another name of a file that lies before it (a hard link).
    case hardLink
    /// Nothing: a symbolic link, device, folder or pipe.
    case noContent
    /// A file with holes (GNU), whose content is described in more blocks that only GNU tar reads.
    case sparse
  }

  let kind: Kind
  /// The name as stored, with its prefix.
  let name: [UInt8]
  /// What a link leads to, as stored.
  let linkName: [UInt8]
  /// Bytes behind the header.
  let size: Int

  /// The header in a block, or nil for a block of zeros, which ends an archive.
  ///
  /// - Throws: `ArchiveFault`.
  init?(_ slice: ArraySlice<UInt8>) throws(ArchiveFault) {
    precondition(slice.count == Self.blockSize, "a block of \(slice.count) bytes")
    let block = Array(slice)
    if block.allSatisfy({ $0 == 0 }) { return nil }
    try Self.check(block)
    guard let size = Self.number(block[124..<136]) else {
      throw .size(Array(block[124..<136]))
    }
    let ownName = Self.text(block[0..<100])
    // GNU tar's own format says "ustar  " and keeps times where the others keep a prefix.
    let hasPrefix = block[257..<263].elementsEqual("ustar\0".utf8)
    let prefix = hasPrefix ? Self.text(block[345..<500]) : []
    linkName = Self.text(block[157..<257])
    name = prefix.isEmpty ? ownName : prefix + [UInt8(ascii: "/")] + ownName
    kind =
      switch block[156] {
      case UInt8(ascii: "1"): .hardLink
      case UInt8(ascii: "2")...UInt8(ascii: "6"): .noContent
      case UInt8(ascii: "x"): .extendedHeader
      case UInt8(ascii: "g"): .globalHeader
      case UInt8(ascii: "L"): .longName
      case UInt8(ascii: "K"): .longLink
      case UInt8(ascii: "S"): .sparse
      // Before there were kinds, a folder was told by its name.
      case 0 where name.last == UInt8(ascii: "/"): .noContent
      // Kinds that are not known are to be taken for files.
      default: .file
      }
    // Some writers give links the size of what they lead to; nothing of it is there.
    self.size = kind == .noContent || kind == .hardLink ? 0 : size
  }

  /// Holds the sum of all bytes, those of the sum itself taken for spaces, against the one stored.
  private static func check(_ block: [UInt8]) throws(ArchiveFault) {
    var unsigned = 0
    var signed = 0
    for byte in block {
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    for byte in block[148..<156] {
      unsigned += Int(UInt8(ascii: " ")) - Int(byte)
      signed += Int(UInt8(ascii: " ")) - Int(Int8(bitPattern: byte))
    }
    // Old writers added up signed bytes.
    guard let stored = number(block[148..<156]), stored == unsigned || stored == signed else {
      throw .checksum
    }
  }

  /// The bytes of a field before its first zero.
  private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] {
    Array(field.prefix { $0 != 0 })
  }

  /// A number in octal digits, or, where the highest bit is set, in the other bits, big-endian; nil
  /// for anything else, for negative numbers and those that no integer holds. An empty field is 0.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      return field.dropFirst().reduce(Int(first & 0x7F)) { value, byte in
        guard let value, value <= Int.max >> 8 else { return nil }
        return value << 8 | Int(byte)
      }
    }
    let padding = [UInt8(ascii: " "), 0]
    let digits = field.drop { padding.contains($0) }.prefix { !padding.contains($0) }
    // Twelve octal digits have 36 bits.
    return digits.reduce(0) { value, digit in
      guard let value, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
      return value << 3 | Int(digit - UInt8(ascii: "0"))
    }
  }
}
