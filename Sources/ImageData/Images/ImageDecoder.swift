/// Turns the bytes of an image file into pixels.
public enum ImageDecoder {
  /// The image in `bytes`, which `name` stands for in errors.
  ///
  /// The content decides what format it is, never a file name. Throws `ImageError` for whatever is
  /// wrong with the bytes; no content makes it trap or allocate more than `Image.maximumPixels` ask for.
  public static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    if bytes.isEmpty { throw ImageError(name: name, fault: .empty) }
    if bytes.starts(with: JPEGDecoder.signature) {
      return try JPEGDecoder.decode(bytes, name: name)
    }
    if bytes.starts(with: PNGDecoder.signature) {
      return try PNGDecoder.decode(bytes, name: name)
    }
    throw ImageError(name: name, fault: .unrecognized(firstBytes: Array(bytes.prefix(4))))
  }

  /// The number of pixels, where the header's claim is one that may be allocated.
  static func checkedPixels(width: Int, height: Int, name: String) throws -> Int {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, !overflow, pixels <= Image.maximumPixels else {
      throw ImageError(name: name, fault: .size(width: width, height: height))
    }
    return pixels
  }
}
