/// An 8-bit image, interleaved, row by row: pixel (x, y) of channel c is
/// `pixels[(y * width + x) * channels + c]`.
public struct Image: Sendable, Equatable {
  /// The most pixels that an image file may claim. It bounds what a lying header can make the process
  /// allocate: 300 MB a decoder.
  public static let maximumPixels = 100_000_000

  /// Pixels a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// 1 (grey) or 3 (red, green, blue).
  public let channels: Int
  /// The values, height × width × channels.
  public let pixels: [UInt8]

  /// An image of these pixels. Sizes that do not fit together are a fault of the caller, who checks
  /// what comes from outside.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
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
