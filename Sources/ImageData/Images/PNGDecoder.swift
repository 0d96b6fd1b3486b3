import CPNG

/// PNG through libpng's simplified interface, which reads every colour type and depth as 8-bit.
enum PNGDecoder {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Grey (with or without alpha) becomes grey, everything else RGB; what is transparent is laid on
  /// black. A gAMA chunk is honoured, as libpng does by itself.
  static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    var header = png_image()
    header.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&header) }
    // libpng keeps the address it is given first until it has read all, so that both calls lie inside.
    return try bytes.withUnsafeBytes { file in
      guard png_image_begin_read_from_memory(&header, file.baseAddress, file.count) != 0 else {
        throw ImageError(name: name, fault: .png(message(header)))
      }
      let width = Int(header.width)
      let height = Int(header.height)
      let pixels = try ImageDecoder.checkedPixels(width: width, height: height, name: name)
      let coloured = header.format & png_uint_32(PNG_FORMAT_FLAG_COLOR) != 0
      let channels = coloured ? 3 : 1
      header.format = coloured ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0
      // Without it, 16-bit files that do not name their gamma would be taken for linear light.
      header.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)

      var black = png_color()
      let decoded = try [UInt8](unsafeUninitializedCapacity: pixels * channels) { buffer, count in
        // A stride of 0 is the smallest one that fits: no padding between rows.
        guard png_image_finish_read(&header, &black, buffer.baseAddress, 0, nil) != 0 else {
          throw ImageError(name: name, fault: .png(message(header)))
        }
        count = pixels * channels
      }
      return Image(width: width, height: height, channels: channels, pixels: decoded)
    }
  }

  /// The library's words for the last failure.
  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
