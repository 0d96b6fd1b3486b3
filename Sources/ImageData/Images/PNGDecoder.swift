import CPNG

/// PNG through libpng's simplified interface, which reads every colour type and depth as 8-bit.
enum PNGDecoder {
  /// What the header claims.
  static func size(_ bytes: [UInt8], name: String) throws -> (width: Int, height: Int) {
    try withHeader(of: bytes, name: name) { header in (Int(header.width), Int(header.height)) }
  }

  /// Grey (with or without alpha) becomes grey, everything else RGB; what is transparent is laid on
  /// black. A gAMA chunk is honoured, as libpng does by itself. Of a size that `size` has found allowable.
  static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    try withHeader(of: bytes, name: name) { header in
      let width = Int(header.width)
      let height = Int(header.height)
      let coloured = header.format & png_uint_32(PNG_FORMAT_FLAG_COLOR) != 0
      let channels = coloured ? 3 : 1
      header.format = coloured ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0
      // Without it, 16-bit files that do not name their gamma would be taken for linear light.
      header.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)

      var black = png_color()
      let decoded = try [UInt8](
        unsafeUninitializedCapacity: width * height * channels
      ) { buffer, count in
        // A stride of 0 is the smallest one that fits: no padding between rows.
        guard png_image_finish_read(&header, &black, buffer.baseAddress, 0, nil) != 0 else {
          throw ImageError(name: name, fault: .damaged(.png, message(header)))
        }
        count = width * height * channels
      }
      return Image(width: width, height: height, channels: channels, pixels: decoded)
    }
  }

  /// libpng keeps the address it is given first until it has read all, so that all calls lie inside.
  private static func withHeader<Result>(
    of bytes: [UInt8], name: String, _ body: (inout png_image) throws -> Result
  ) throws -> Result {
    var header = png_image()
    header.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&header) }
    return try bytes.withUnsafeBytes { file in
      guard png_image_begin_read_from_memory(&header, file.baseAddress, file.count) != 0 else {
        throw ImageError(name: name, fault: .damaged(.png, message(header)))
      }
      return try body(&header)
    }
  }

  /// The library's words for the last failure.
  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
