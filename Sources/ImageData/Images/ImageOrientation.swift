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
