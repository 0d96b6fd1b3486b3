/// The chunks of a WebP file, a RIFF container (RFC 9649): 4 bytes of name, 4 of length, content, a byte more where the
/// length is odd.
struct WebPChunks {
  /// How the image must be turned, by EXIF or else by XMP.
  let orientation: ImageOrientation
  /// The first frame of an animation and where it lies on the canvas; nil where the file is a single image.
  let firstFrame: (file: [UInt8], x: Int, y: Int, width: Int, height: Int)?

  /// Goes through a file that starts with RIFF and WEBP; what is cut off or has no sense is passed over.
  init(_ bytes: [UInt8]) {
    var exif: ImageOrientation?
    var text: ImageOrientation?
    var isAnimation = false
    var frame: ArraySlice<UInt8>?
    Self.forEach(in: bytes.dropFirst(12)) { name, content in
      switch name {
      case "VP8X": isAnimation = isAnimation || (content.first ?? 0) & 2 != 0
      case "ANMF": frame = frame ?? content
      case "EXIF": exif = exif ?? ImageOrientation(exif: content)
      case "XMP ": text = text ?? ImageOrientation(xmp: content)
      default: break
      }
    }
    orientation = exif ?? text ?? .upright
    firstFrame = isAnimation ? frame.flatMap(Self.still) : nil
  }

  /// Whether a file is as long as it says.
  static func isWhole(_ bytes: [UInt8]) -> Bool { bytes.count >= 8 + number(bytes[4..<8]) }

  /// Calls `body` with the name and the content of each chunk that is whole.
  private static func forEach(
    in bytes: ArraySlice<UInt8>, _ body: (String, ArraySlice<UInt8>) -> Void
  ) {
    var rest = bytes
    while rest.count >= 8 {
      let length = number(rest.dropFirst(4).prefix(4))
      let content = rest.dropFirst(8).prefix(length)
      guard content.count == length else { return }
      body(String(decoding: rest.prefix(4), as: UTF8.self), content)
      rest = rest[content.endIndex...].dropFirst(length % 2)
    }
  }

  /// A frame as a file of its own, without its transparency, which would be dropped.
  private static func still(_ frame: ArraySlice<UInt8>) -> (
    file: [UInt8], x: Int, y: Int, width: Int, height: Int
  )? {
    // Half the place, the size less one, the duration, of three bytes each, and a byte of flags.
    guard frame.count > 16 else { return nil }
    let numbers = (0..<4).map { number(frame.dropFirst(3 * $0).prefix(3)) }
    var file: [UInt8]?
    forEach(in: frame.dropFirst(16)) { name, content in
      guard file == nil, name == "VP8 " || name == "VP8L" else { return }
      let padded = Array(content) + [UInt8](repeating: 0, count: content.count % 2)
      file =
        Array("RIFF".utf8) + word(12 + padded.count) + Array("WEBP\(name)".utf8)
        + word(content.count) + padded
    }
    return file.map { ($0, 2 * numbers[0], 2 * numbers[1], numbers[2] + 1, numbers[3] + 1) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private static func word(_ value: Int) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
