/// Tar archives by the letter of POSIX and of GNU tar's manual: an oracle that does not share a
/// line with the reader.
package struct TarWriter {
  /// What was written so far.
  package private(set) var bytes: [UInt8] = []

  /// An archive without files.
  package init() {}

  /// The archive with its end mark, two blocks of zeros.
  package var archive: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

  /// Adds a header and content. `size` is what the header claims; nil for the truth.
  package mutating func add(
    _ name: String, _ content: [UInt8] = [], kind: Character = "0", prefix: String = "",
    link: String = "", size: Int? = nil, magic: String = "ustar\u{0}00"
  ) {
    add(
      name, content, kind: kind, prefix: prefix, link: link,
      sizeField: octal(size ?? content.count, 12), magic: magic)
  }

  /// Adds a file whose size is in binary.
  package mutating func addBinary(_ name: String, _ content: [UInt8], size: [UInt8]? = nil) {
    let digits = (0..<11).map { UInt8(truncatingIfNeeded: content.count >> (8 * (10 - $0))) }
    add(name, content, kind: "0", prefix: "", sizeField: size ?? [0x80] + digits.map { $0 })
  }

  /// Adds a name too long for a header, as GNU tar does.
  package mutating func addLong(_ name: String, _ content: [UInt8]) {
    add("././@LongLink", Array(name.utf8) + [0], kind: "L", magic: "ustar  \u{0}")
    add(String(name.prefix(100)), content, magic: "ustar  \u{0}")
  }

  /// Adds pax records for the next file, or for all with kind "g".
  package mutating func addPax(_ records: [(String, String)], kind: Character = "x") {
    add("PaxHeader", records.flatMap { pax($0, $1) }, kind: kind)
  }

  /// Adds bytes as they are.
  package mutating func add(raw: [UInt8]) { bytes += raw }

  private mutating func add(
    _ name: String, _ content: [UInt8], kind: Character, prefix: String, link: String = "",
    sizeField: [UInt8], magic: String = "ustar\u{0}00"
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ field: [UInt8], at offset: Int) {
      header.replaceSubrange(offset..<offset + field.count, with: field)
    }
    put(Array(name.utf8), at: 0)
    for (offset, value) in [(100, 0o644), (108, 0), (116, 0)] { put(octal(value, 8), at: offset) }
    put(sizeField, at: 124)
    put(octal(0, 12), at: 136)
    put(Array("        ".utf8), at: 148)
    header[156] = kind.asciiValue ?? 0
    put(Array(link.utf8), at: 157)
    put(Array(magic.utf8), at: 257)
    put(Array(prefix.utf8), at: 345)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(Array(octal(sum, 7) + [32]), at: 148)
    bytes += header + content
    bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// Digits with a zero behind them, `width` bytes in all.
  private func octal(_ value: Int, _ width: Int) -> [UInt8] {
    let digits = String(value, radix: 8)
    return Array((String(repeating: "0", count: width - 1 - digits.count) + digits).utf8) + [0]
  }

  /// A record, whose length counts its own digits.
  private func pax(_ key: String, _ value: String) -> [UInt8] {
    let rest = " \(key)=\(value)\n"
    var length = rest.utf8.count
    while "\(length)".utf8.count + rest.utf8.count != length {
      length = "\(length)".utf8.count + rest.utf8.count
    }
    return Array("\(length)\(rest)".utf8)
  }
}

extension TarWriter {
  /// The archive with the checksums of its headers made right again, so that damage reaches what
  /// lies behind them.
  package static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for start in stride(from: 0, to: bytes.count - 511, by: 512) {
      let magic = bytes[start + 257..<start + 262]
      guard magic.elementsEqual("ustar".utf8) else { continue }
      bytes.replaceSubrange(start + 148..<start + 156, with: Array("        ".utf8))
      let digits = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
      bytes.replaceSubrange(start + 148..<start + 148 + digits.utf8.count, with: digits.utf8)
    }
    return bytes
  }
}

extension TarWriter {
  /// An archive of files.
  package init(files: [(name: String, bytes: [UInt8])]) {
    self.init()
    for file in files { add(file.name, file.bytes) }
  }
}

/// A tar archive of files.
package func tar(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
  TarWriter(files: files).archive
}
