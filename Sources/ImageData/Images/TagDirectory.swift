/// The first directory of tags of a TIFF file or an EXIF block (TIFF 6.0, section 2; BigTIFF with numbers twice as
/// long).
struct TagDirectory {
  private let bytes: ArraySlice<UInt8>
  private let isLittleEndian: Bool
  private let isBig: Bool
  private var start = 0
  private var count = 0

  /// Nil where there is no such directory.
  init?(_ bytes: ArraySlice<UInt8>) {
    let marks = ["II*\0", "MM\0*", "II+\0", "MM\0+"]
    guard let mark = marks.firstIndex(where: { bytes.starts(with: $0.utf8) }) else { return nil }
    self.bytes = bytes
    (isLittleEndian, isBig) = (mark % 2 == 0, mark >= 2)
    let word = isBig ? 8 : 4
    guard let place = number(at: word, bytes: word),
      let entries = number(at: place, bytes: isBig ? 8 : 2)
    else { return nil }
    (start, count) = (place + (isBig ? 8 : 2), entries)
  }

  /// The number that a tag has: a single one of 8, 16 or 32 bits. Nil where there is none.
  subscript(tag: Int) -> Int? {
    // An entry is a tag, its type, how many values, and the value or where it is.
    let length = isBig ? 20 : 12
    for entry in 0..<count {
      let offset = start + length * entry
      guard let found = number(at: offset, bytes: 2), let type = number(at: offset + 2, bytes: 2),
        let values = number(at: offset + 4, bytes: isBig ? 8 : 4)
      else { return nil }
      guard found == tag else { continue }
      guard values == 1, let size = [1: 1, 3: 2, 4: 4][type] else { return nil }
      return number(at: offset + (isBig ? 12 : 8), bytes: size)
    }
    return nil
  }

  /// An unsigned number; nil where it lies outside or is too large.
  private func number(at offset: Int, bytes length: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - length else { return nil }
    let part = bytes[(bytes.startIndex + offset)...].prefix(length)
    let value = (isLittleEndian ? Array(part.reversed()) : Array(part)).reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    // Sums of a few such numbers do not overflow.
    return value < 1 << 48 ? Int(value) : nil
  }
}
