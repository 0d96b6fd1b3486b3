import CTurboJPEG

/// JPEG through libjpeg-turbo's TurboJPEG interface (the functions of version 2.1, which 3.x still has).
enum JPEGDecoder {
  static let signature: [UInt8] = [0xFF, 0xD8]

  /// The accurate transform, because the fast one costs up to several levels. What is decoded with a
  /// warning is not trusted (a truncated file ends in grey), so the first warning may stop it. The
  /// limit on scans keeps a few kilobytes of progressive JPEG from keeping a thread busy for minutes.
  private static let flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS

  /// Grey stays grey; YCbCr and RGB become RGB; CMYK and YCCK become RGB. EXIF orientation is ignored,
  /// as training sets expect.
  static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    guard let handle = tjInitDecompress() else {
      throw ImageError(name: name, fault: .jpeg(message(nil)))
    }
    defer { tjDestroy(handle) }

    var width: Int32 = 0
    var height: Int32 = 0
    var subsampling: Int32 = 0
    var colorspace: Int32 = 0
    guard
      tjDecompressHeader3(
        handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace) == 0
    else { throw ImageError(name: name, fault: .jpeg(message(handle))) }
    let pixels = try ImageDecoder.checkedPixels(
      width: Int(width), height: Int(height), name: name)

    let (format, channels): (TJPF, Int) =
      switch TJCS(rawValue: TJCS.RawValue(colorspace)) {
      case TJCS_GRAY: (TJPF_GRAY, 1)
      case TJCS_CMYK, TJCS_YCCK: (TJPF_CMYK, 4)
      default: (TJPF_RGB, 3)
      }
    let decoded = try [UInt8](unsafeUninitializedCapacity: pixels * channels) { buffer, count in
      guard
        tjDecompress2(
          handle, bytes, UInt(bytes.count), buffer.baseAddress, width, 0, height,
          Int32(format.rawValue), flags) == 0
      else { throw ImageError(name: name, fault: .jpeg(message(handle))) }
      count = pixels * channels
    }
    return Image(
      width: Int(width), height: Int(height), channels: channels == 1 ? 1 : 3,
      pixels: channels == 4 ? rgb(invertedCMYK: decoded) : decoded)
  }

  /// Adobe's convention, which all CMYK JPEGs in the wild follow: 255 is no ink, so that a colour is
  /// the product of its own and the black channel.
  private static func rgb(invertedCMYK values: [UInt8]) -> [UInt8] {
    var result = [UInt8]()
    result.reserveCapacity(values.count / 4 * 3)
    for start in stride(from: 0, to: values.count, by: 4) {
      let black = UInt32(values[start + 3])
      for channel in 0..<3 {
        result.append(UInt8((UInt32(values[start + channel]) * black + 127) / 255))
      }
    }
    return result
  }

  /// The library's words for the last failure of `handle`.
  private static func message(_ handle: tjhandle?) -> String {
    tjGetErrorStr2(handle).map { String(cString: $0) } ?? "no message"
  }
}
