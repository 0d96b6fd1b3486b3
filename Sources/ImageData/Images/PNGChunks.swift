import CZlib

/// The chunks of a PNG file: 4 bytes of length, 4 of name, content, 4 of checksum.
enum PNGChunks {
  /// What may stand beside the chunks that every reader must know, because it changes pixels or how
  /// they are to be taken.
  private static let pixelChunks = ["tRNS", "gAMA", "cHRM", "sRGB", "sBIT", "iCCP", "cICP"]

  /// The file without what an image does not need: texts, times, previews and what lies behind the
  /// end. libpng would set memory aside for them, of any length they claim, and inflate some.
  ///
  /// - Throws: `ImageError` where a chunk claims more bytes than there are.
  static func needed(of bytes: [UInt8], name: String) throws -> [UInt8] {
    var kept: [Range<Int>] = []
    var position = 8
    while position + 12 <= bytes.count {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let chunk = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
      guard length <= bytes.count - position - 12 else {
        let text = "a chunk at byte \(position) claims \(length) bytes of \(bytes.count)"
        throw ImageError(name: name, fault: .damaged(.png, text))
      }
      let range = position..<position + 12 + length
      position = range.upperBound
      // A name in lower case is that of a chunk that may be passed over.
      let isCritical = bytes[range.lowerBound + 4] & 0x20 == 0
      guard isCritical || pixelChunks.contains(chunk),
        chunk != "iCCP" || isProfile(bytes[range.dropFirst(8).dropLast(4)], of: bytes.count)
      else { continue }
      kept.append(range)
      if chunk == "IEND" { break }
    }
    let count = kept.reduce(8) { $0 + $1.count }
    if count == bytes.count { return bytes }
    var result = Array(bytes.prefix(8))
    result.reserveCapacity(count)
    for range in kept { result += bytes[range] }
    return result
  }

  /// Whether a compressed colour profile, behind its name, claims a length that may be: libpng
  /// believes its first four bytes. Without its profile an image is taken as one that has none.
  private static func isProfile(_ content: ArraySlice<UInt8>, of fileLength: Int) -> Bool {
    guard let end = content.firstIndex(of: 0), content.endIndex - end > 2 else { return false }
    var stream = z_stream()
    guard
      inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return false }
    defer { inflateEnd(&stream) }
    var input = Array(content[(end + 2)...])
    var output = [UInt8](repeating: 0, count: 4)
    let count = UInt32(input.count)
    input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        (stream.next_in, stream.avail_in) = (input.baseAddress, count)
        (stream.next_out, stream.avail_out) = (output.baseAddress, 4)
        _ = inflate(&stream, Z_SYNC_FLUSH)
      }
    }
    let claimed = output.reduce(0) { $0 << 8 | Int($1) }
    return stream.avail_out == 0 && claimed <= max(1 << 16, 16 * fileLength)
  }
}
