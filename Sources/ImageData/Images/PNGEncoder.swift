import CPNG

/// PNG through libpng's simplified interface: 8 bits, grey or RGB.
package enum PNGEncoder {
  /// The bytes of a PNG file of an image.
  ///
  /// - Throws: `ImageError` where libpng refuses, in its own words; `name` is what the error
  ///   calls the image.
  package static func encode(_ image: Image, name: String) throws -> [UInt8] {
    var header = png_image()
    header.version = png_uint_32(PNG_IMAGE_VERSION)
    header.width = png_uint_32(image.width)
    header.height = png_uint_32(image.height)
    header.format = image.channels == 1 ? 0 : png_uint_32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&header) }
    /// One run of the library; without memory, it only counts.
    func write(to memory: UnsafeMutableRawPointer?, _ length: inout Int) throws {
      // A stride of 0 is the smallest one that fits: no padding between rows.
      guard png_image_write_to_memory(&header, memory, &length, 0, image.pixels, 0, nil) != 0 else {
        throw ImageError(name: name, fault: .damaged(.png, message(header)))
      }
    }
    var length = 0
    try write(to: nil, &length)
    return try [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      try write(to: buffer.baseAddress, &length)
      count = length
    }
  }

  /// The library's words for the last failure.
  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
