import Files

/// TFRecord, the framing of event files: length (UInt64), masked CRC-32C of these eight bytes,
/// payload, masked CRC-32C of the payload; all numbers little-endian.
package enum RecordFraming {
  private static let headBytes = 12, tailBytes = 4

  /// One record around a payload.
  package static func record(_ payload: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(payload.count))
    return length + littleEndian(CRC32C.masked(length)) + payload
      + littleEndian(CRC32C.masked(payload))
  }

  /// Where the payloads lie in the bytes of a file, up to the first record that is cut off or whose
  /// checksums do not fit: what follows such a record cannot be found.
  package static func payloads(in bytes: [UInt8]) -> [Range<Int>] {
    var payloads: [Range<Int>] = []
    var start = 0
    while let payload = payload(in: bytes, at: start) {
      payloads.append(payload)
      start = end(of: payload)
    }
    return payloads
  }

  /// The end of the record around a payload.
  package static func end(of payload: Range<Int>) -> Int { payload.upperBound + tailBytes }

  private static func payload(in bytes: [UInt8], at start: Int) -> Range<Int>? {
    let body = start + headBytes
    guard body <= bytes.count else { return nil }
    let length = bytes[start..<start + 8]
    guard number(bytes[start + 8..<body]) == UInt64(CRC32C.masked(length)),
      let count = Int(exactly: number(length)), count <= bytes.count - body - tailBytes
    else { return nil }
    let payload = body..<body + count
    let checksum = number(bytes[payload.upperBound..<end(of: payload)])
    return checksum == UInt64(CRC32C.masked(bytes[payload])) ? payload : nil
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
