/// What a data set holds of an image: pixels, or a file that is still to be decoded.
package enum ImageContent: Sendable {
  /// Pixels as stored (CIFAR, IDX).
  case pixels(Image)
  /// An image file, of which no more than the header has been read.
  case file(EncodedImage)

  /// Pixels a row, upright.
  package var width: Int {
    switch self {
    case .pixels(let image): image.width
    case .file(let file): file.width
    }
  }

  /// Rows, upright.
  package var height: Int {
    switch self {
    case .pixels(let image): image.height
    case .file(let file): file.height
    }
  }

  /// The image; of a file a `reduction`-th (1, 2, 4 or 8) of its size, where its format can be read so:
  /// see `EncodedImage.decoded`.
  ///
  /// - Throws: `ImageError`.
  package func image(reduction: Int = 1) throws -> Image {
    switch self {
    case .pixels(let image): image
    case .file(let file): try file.decoded(reduction: reduction)
    }
  }
}
