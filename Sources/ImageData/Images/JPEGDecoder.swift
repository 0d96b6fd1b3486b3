import CTurboJPEG

/// JPEG through libjpeg-turbo's TurboJPEG interface (the functions of version 2.1, which 3.x still has).
enum JPEGDecoder {
  /// The accurate transform, because the fast one costs up to several levels. The limit on scans keeps a few kilobytes
  /// of progressive JPEG from keeping a thread busy for minutes.
  private static let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS

  /// Warnings after which every pixel is there: the standard's leftovers between segments, which some writers leave.
  /// After any other the picture may end in grey or be torn.
  private static let harmlessWarnings = [
    "extraneous bytes before marker", "Invalid SOS parameters",
  ]

  /// The library's state, freed with its owner.
  private final class Decompressor {
    let handle: tjhandle

    init?() {
      guard let handle = tjInitDecompress() else { return nil }
      self.handle = handle
    }

    deinit { tjDestroy(handle) }
  }

  private struct Header {
    let width, height: Int
    let colorspace: TJCS
  }

  /// What the header claims.
  static func size(_ bytes: [UInt8], name: String) throws -> (width: Int, height: Int) {
    let header = try header(try decompressor(name), bytes, name: name)
    return (header.width, header.height)
  }

  /// Grey stays grey; YCbCr and RGB become RGB; CMYK and YCCK become RGB. Of a size that `size` has found allowable.
  static func decode(_ bytes: [UInt8], reduction: Int, name: String) throws -> Image {
    let decompressor = try decompressor(name)
    let header = try header(decompressor, bytes, name: name)
    let width = (header.width + reduction - 1) / reduction
    let height = (header.height + reduction - 1) / reduction
    let (format, channels): (TJPF, Int) =
      switch header.colorspace {
      case TJCS_GRAY: (TJPF_GRAY, 1)
      case TJCS_CMYK, TJCS_YCCK: (TJPF_CMYK, 4)
      default: (TJPF_RGB, 3)
      }
    let decoded = try [UInt8](
      unsafeUninitializedCapacity: width * height * channels
    ) { buffer, count in
      let status = tjDecompress2(
        decompressor.handle, bytes, UInt(bytes.count), buffer.baseAddress, Int32(width), 0,
        Int32(height), Int32(format.rawValue), flags)
      if status != 0 { try judge(decompressor, bytes, name: name) }
      count = width * height * channels
    }
    return Image(
      width: width, height: height, channels: channels == 1 ? 1 : 3,
      pixels: channels == 4 ? rgb(invertedCMYK: decoded) : decoded)
  }

  private static func decompressor(_ name: String) throws -> Decompressor {
    guard let decompressor = Decompressor() else {
      throw ImageError(name: name, fault: .damaged(.jpeg, message(nil)))
    }
    return decompressor
  }

  private static func header(
    _ decompressor: Decompressor, _ bytes: [UInt8], name: String
  ) throws -> Header {
    var width: Int32 = 0
    var height: Int32 = 0
    var subsampling: Int32 = 0
    var colorspace: Int32 = 0
    let status = tjDecompressHeader3(
      decompressor.handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace)
    if status != 0 { try judge(decompressor, bytes, name: name) }
    return Header(
      width: Int(width), height: Int(height), colorspace: TJCS(TJCS.RawValue(colorspace)))
  }

  /// Throws what the library complained of, unless it is harmless and the file has its end.
  ///
  /// The library reports its first warning only; a file that was cut off lacks the end marker besides.
  private static func judge(
    _ decompressor: Decompressor, _ bytes: [UInt8], name: String
  ) throws {
    let message = message(decompressor.handle)
    let isHarmless =
      tjGetErrorCode(decompressor.handle) == TJERR_WARNING.rawValue
      && harmlessWarnings.contains { message.contains($0) } && hasEnd(bytes)
    if !isHarmless { throw ImageError(name: name, fault: .damaged(.jpeg, message)) }
  }

  /// Whether the end marker FF D9 stands in the last kilobyte; some cameras append notes of their own.
  private static func hasEnd(_ bytes: [UInt8]) -> Bool {
    let tail = bytes.suffix(1024)
    return zip(tail, tail.dropFirst()).contains { $0 == 0xFF && $1 == 0xD9 }
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
