/// PNG files by the letter of the specification, stored without compression: an oracle that does
/// not share a line with libpng.
package enum PNGWriter {
  /// Colour type: grey.
  package static let grey: UInt8 = 0
  /// Colour type: red, green and blue.
  package static let colour: UInt8 = 2
  /// Colour type: indices into PLTE.
  package static let palette: UInt8 = 3
  /// Colour type: grey and opacity.
  package static let greyAlpha: UInt8 = 4
  /// Colour type: red, green, blue and opacity.
  package static let colourAlpha: UInt8 = 6

  /// A file of `rows` (the raw bytes of each row), with `chunks` between header and data.
  package static func file(
    width: Int, height: Int, depth: UInt8 = 8, type: UInt8, rows: [[UInt8]],
    chunks: [(String, [UInt8])] = []
  ) -> [UInt8] {
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    file += chunk("IHDR", word(width) + word(height) + [depth, type, 0, 0, 0])
    for (name, data) in chunks { file += chunk(name, data) }
    // Filter type 0 before each row.
    file += chunk("IDAT", stored(rows.flatMap { [0] + $0 }))
    return file + chunk("IEND", [])
  }

  /// A chunk with its length and checksum.
  package static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + data
    return word(data.count) + body + word(Int(crc(body)))
  }

  /// The same file with every checksum made right again, so that damage reaches what lies behind
  /// them.
  package static func withChecksums(_ file: [UInt8]) -> [UInt8] {
    var file = file
    var position = 8
    while position + 12 <= file.count {
      let length = file[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      guard position + 12 + length <= file.count else { break }
      let end = position + 8 + length
      file.replaceSubrange(end..<end + 4, with: word(Int(crc(file[position + 4..<end]))))
      position = end + 4
    }
    return file
  }

  private static func word(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func crc(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
    }
    return ~value
  }

  /// One stored block of zlib; up to 65535 bytes.
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    precondition(bytes.count <= 65535, "\(bytes.count) bytes")
    let low = UInt8(bytes.count & 255)
    let high = UInt8(bytes.count >> 8)
    var a = 1
    var b = 0
    for byte in bytes {
      a = (a + Int(byte)) % 65521
      b = (b + a) % 65521
    }
    return [0x78, 0x01, 1, low, high, ~low, ~high] + bytes + word(b << 16 | a)
  }
}
