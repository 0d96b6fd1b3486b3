/// How an image must be turned to be upright: the eight values of EXIF's tag 0x0112 (CIPA DC-008, 4.6.4).
///
/// A camera that is held sideways stores what its sensor saw and writes this tag beside it.
enum ImageOrientation: Int {
  case upright = 1
  case mirrored = 2
  case halfTurn = 3
  case mirroredUpsideDown = 4
  case transposed = 5
  /// Stored lying on its left side: a quarter turn clockwise sets it up.
  case quarterTurnClockwise = 6
  case transposedAcross = 7
  case quarterTurnCounterclockwise = 8

  /// Whether rows become columns.
  var swapsAxes: Bool { rawValue >= 5 }

  /// Whether the stored image's last column comes first, be it as a column or as a row.
  var reversesColumns: Bool {
    switch self {
    case .mirrored, .halfTurn, .transposedAcross, .quarterTurnCounterclockwise: true
    default: false
    }
  }

  /// Whether the stored image's last row comes first, be it as a row or as a column.
  var reversesRows: Bool {
    switch self {
    case .mirroredUpsideDown, .halfTurn, .transposedAcross, .quarterTurnClockwise: true
    default: false
    }
  }

  /// The orientation that a JPEG file's EXIF block names; upright where there is none or it makes no sense.
  ///
  /// The block is the first APP1 segment that starts with "Exif"; it holds a TIFF header and a directory of tags.
  init(ofJPEG bytes: [UInt8]) {
    self = Self.exifSegment(bytes).flatMap { Self.tag(in: bytes[$0]) } ?? .upright
  }

  private static func exifSegment(_ bytes: [UInt8]) -> Range<Int>? {
    var position = 2
    // Segments: FF, marker, two bytes of length that count themselves. Pixels follow FF DA.
    while position + 4 <= bytes.count, bytes[position] == 0xFF, bytes[position + 1] != 0xDA {
      // Any number of FF may stand before a marker.
      if bytes[position + 1] == 0xFF {
        position += 1
        continue
      }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard length >= 2, position + 2 + length <= bytes.count else { return nil }
      let content = position + 4..<position + 2 + length
      if bytes[position + 1] == 0xE1, bytes[content].starts(with: Array("Exif\0\0".utf8)) {
        return content.lowerBound + 6..<content.upperBound
      }
      position = content.upperBound
    }
    return nil
  }

  private static func tag(in tiff: ArraySlice<UInt8>) -> ImageOrientation? {
    let isLittleEndian = tiff.starts(with: Array("II*\0".utf8))
    guard isLittleEndian || tiff.starts(with: Array("MM\0*".utf8)) else { return nil }
    func number(at offset: Int, bytes count: Int) -> Int? {
      guard offset + count <= tiff.count else { return nil }
      let part = tiff[(tiff.startIndex + offset)...].prefix(count)
      return (isLittleEndian ? Array(part.reversed()) : Array(part)).reduce(0) {
        $0 << 8 | Int($1)
      }
    }
    guard let directory = number(at: 4, bytes: 4), let count = number(at: directory, bytes: 2)
    else { return nil }
    // An entry has twelve bytes: tag, type, count, value.
    for entry in 0..<count {
      let offset = directory + 2 + 12 * entry
      guard let tag = number(at: offset, bytes: 2) else { return nil }
      if tag == 0x0112 { return number(at: offset + 8, bytes: 2).flatMap(Self.init) }
    }
    return nil
  }
}

extension Image {
  /// The image turned upright.
  func turned(_ orientation: ImageOrientation) -> Image {
    if orientation == .upright { return self }
    let (columns, rows) = orientation.swapsAxes ? (height, width) : (width, height)
    // Where output pixel (x, y) comes from: it starts at `origin` and goes on by `right` and `down`.
    let (last, bottom) = (width - 1, (height - 1) * width)
    let (origin, right, down) =
      switch orientation {
      case .upright: (0, 1, width)
      case .mirrored: (last, -1, width)
      case .halfTurn: (bottom + last, -1, -width)
      case .mirroredUpsideDown: (bottom, 1, -width)
      case .transposed: (0, width, 1)
      case .quarterTurnClockwise: (bottom, -width, 1)
      case .transposedAcross: (bottom + last, -width, -1)
      case .quarterTurnCounterclockwise: (last, width, -1)
      }
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      for y in 0..<rows {
        for x in 0..<columns {
          let source = (origin + x * right + y * down) * channels
          for channel in 0..<channels {
            output[(y * columns + x) * channels + channel] = pixels[source + channel]
          }
        }
      }
      count = pixels.count
    }
    return Image(width: columns, height: rows, channels: channels, pixels: result)
  }
}
