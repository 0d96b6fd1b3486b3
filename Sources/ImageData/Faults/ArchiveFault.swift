/// What can be wrong with a tar archive.
package enum ArchiveFault: Error, Sendable, Equatable {
  /// A header's checksum is not that of its bytes: damage, or no tar archive.
  case checksum
  /// A header's size is no number, with the bytes of the field.
  case size([UInt8])
  /// An entry of a size that ends behind the archive's end, at `end`.
  case truncated(size: Int, end: Int)
  /// The file ends where another header should be or the mark of the archive's end.
  case noEnd
  /// A pax header that is not made of its records.
  case extendedHeader
  /// A name or a pax header of a size that none has.
  case longHeader(size: Int)
  /// A name of a size that none has.
  case longName(size: Int)
  /// A file with holes.
  case sparse

  /// The longest pax header or name that is read: it bounds what a lying size can make the process
  /// allocate.
  static let maximumHeader = 1 << 20
  /// The longest path inside an archive. Each file of an archive in an archive has the outer one's
  /// before its own, so that a long one could come back for every 512 bytes.
  static let maximumName = 1024

  /// What was found, what was expected, what to try.
  var text: String {
    switch self {
    case .checksum:
      "no tar header with a right checksum, expected one; fetch the archive again, or unpack it "
        + "first if it is compressed"
    case .size(let bytes):
      "the size of an entry is '\(String(decoding: bytes, as: UTF8.self).filter(\.isPrintable))', "
        + "expected an octal number; fetch the archive again"
    case .truncated(let size, let end):
      "an entry of \(size) bytes, expected it to end before byte \(end), where the archive ends; "
        + "fetch the archive again"
    case .noEnd:
      "the file ends here, expected another entry or a block of zeros, which ends an archive; "
        + "fetch the archive again"
    case .extendedHeader:
      "a damaged pax header, expected lines of LENGTH KEY=VALUE; fetch the archive again"
    case .longHeader(let size):
      "a name or pax header of \(size) bytes, expected at most \(Self.maximumHeader); fetch the "
        + "archive again"
    case .longName(let size):
      "a path of \(size) bytes, expected at most \(Self.maximumName); make the archive again with "
        + "shorter names"
    case .sparse:
      "a file with holes, expected whole files; make the archive again without --sparse"
    }
  }
}

extension Character {
  /// Whether it leaves a message on its line.
  fileprivate var isPrintable: Bool { isASCII && !isNewline && (asciiValue ?? 0) >= 32 }
}
