/// An 8-bit image, interleaved, row by row: pixel (x, y) of channel c is
/// `pixels[(y * width + x) * channels + c]`.
package struct Image: Sendable, Equatable {
  /// The most pixels that are decoded of an image file: 2²⁷, 134 million. It bounds what a lying header can make the
  /// process allocate: 400 MB a decoder. JPEGs may have four times as many, of which a half of width and height is
  /// decoded at most.
  package static let maximumPixels = 1 << 27
  /// The most that a decoder may set aside beside pixels, in bytes: what a progressive JPEG of `maximumPixels` needs
  /// to keep its coefficients, or a camera's largest with colours at half the resolution.
  static let maximumWorkingBytes = 6 * maximumPixels + 1 << 20

  /// Pixels a row.
  package let width: Int
  /// Rows.
  package let height: Int
  /// 1 (grey) or 3 (red, green, blue).
  package let channels: Int
  /// The values, height × width × channels.
  package let pixels: [UInt8]

  /// An image of these pixels. Sizes that do not fit together are a fault of the caller, who checks
  /// what comes from outside.
  package init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
    precondition(channels == 1 || channels == 3, "an image of \(channels) channels")
    precondition(
      pixels.count == width * height * channels,
      "\(pixels.count) values for an image of \(width) x \(height) x \(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}
