import CZlib

/// The chunks of a PNG file: 4 bytes of length, 4 of name, content, 4 of checksum.
struct PNGChunks {
  /// The file without what an image does not need: texts, times, colour profiles, previews and what lies behind the
  /// end. libpng would set memory aside for them, of any length they claim, and inflate some. What they say of gamma
  /// and transparency is not asked for either.
  let needed: [UInt8]
  /// How the image must be turned: by a chunk of EXIF, or of text that holds EXIF or XMP.
  let orientation: ImageOrientation

  /// Goes through a file.
  ///
  /// - Throws: `ImageError` where a chunk claims more bytes than there are.
  init(_ bytes: [UInt8], name: String) throws {
    var kept: [Range<Int>] = []
    var exif: ImageOrientation?
    var text: ImageOrientation?
    var position = 8
    while position + 12 <= bytes.count {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - position - 12 else {
        let text = "a chunk at byte \(position) claims \(length) bytes of \(bytes.count)"
        throw ImageError(name: name, fault: .damaged(.png, text))
      }
      let range = position..<position + 12 + length
      position = range.upperBound
      let chunk = bytes[range.lowerBound + 4..<range.lowerBound + 8]
      let content = bytes[range.dropFirst(8).dropLast(4)]
      // A name in lower case is that of a chunk that may be passed over.
      if chunk.first! & 0x20 == 0 {
        kept.append(range)
        if chunk.elementsEqual("IEND".utf8) { break }
      } else if chunk.elementsEqual("eXIf".utf8) {
        exif = exif ?? ImageOrientation(exif: content)
      } else if chunk.elementsEqual("iTXt".utf8), content.starts(with: Self.packet.utf8) {
        text = text ?? ImageOrientation(xmp: content)
      } else if chunk.elementsEqual("zTXt".utf8) || chunk.elementsEqual("tEXt".utf8) {
        let isPacked = chunk.first == UInt8(ascii: "z")
        exif =
          exif ?? Self.profile(content, isPacked: isPacked).flatMap(ImageOrientation.init(exif:))
      }
    }
    orientation = exif ?? text ?? .upright
    let count = kept.reduce(8) { $0 + $1.count }
    if count == bytes.count {
      needed = bytes
      return
    }
    var result = Array(bytes.prefix(8))
    result.reserveCapacity(count)
    for range in kept { result += bytes[range] }
    needed = result
  }

  /// The keyword of an XMP packet, and that it is not compressed.
  private static let packet = "XML:com.adobe.xmp\0\0"

  /// The start of an EXIF block that ImageMagick wrote as text, in hexadecimal behind three lines, compressed or not;
  /// nil for other texts. Directories of tags lie at its start.
  private static func profile(_ content: ArraySlice<UInt8>, isPacked: Bool) -> ArraySlice<UInt8>? {
    let keywords = ["exif", "APP1"].map { Array("Raw profile type \($0)\0".utf8) }
    guard let keyword = keywords.first(where: content.starts) else { return nil }
    let rest = content.dropFirst(keyword.count)
    let text = isPacked ? inflated(rest.dropFirst()) : Array(rest.prefix(longest))
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let digits = lines.dropFirst(3).joined().compactMap {
      Character(UnicodeScalar($0)).hexDigitValue
    }
    var block: [UInt8] = []
    for place in stride(from: 0, to: digits.count - 1, by: 2) {
      block.append(UInt8(digits[place] << 4 | digits[place + 1]))
    }
    return block[...]
  }

  /// What is looked at of a text, in bytes.
  private static let longest = 16_384

  /// The start of what a zlib stream holds; empty where it is damaged.
  private static func inflated(_ content: ArraySlice<UInt8>) -> [UInt8] {
    var stream = z_stream()
    guard
      inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return [] }
    defer { inflateEnd(&stream) }
    var input = Array(content)
    return [UInt8](unsafeUninitializedCapacity: longest) { output, count in
      let capacity = UInt32(longest)
      input.withUnsafeMutableBufferPointer { input in
        (stream.next_in, stream.avail_in) = (input.baseAddress, UInt32(input.count))
        (stream.next_out, stream.avail_out) = (output.baseAddress, capacity)
        _ = inflate(&stream, Z_SYNC_FLUSH)
      }
      count = Int(capacity - stream.avail_out)
    }
  }
}
