import Files
import ImageData

/// Pictures of what is done to an image before a model sees it.
package struct AugmentationSheet: Sendable {
  private let content: ImageContent
  private let preprocessing: Preprocessing

  /// Pictures of an image file as a recipe prepares it, at `size` × `size` pixels.
  ///
  /// - Throws: `FileError`, `ImageError`.
  package init(_ path: String, recipe: Recipe, size: Int) throws {
    content = .file(try EncodedImage(try readFile(path), name: path))
    var preprocessing = recipe.preprocessing
    preprocessing.imageSize = size
    self.preprocessing = preprocessing
  }

  /// The whole image after operations, one after another.
  ///
  /// - Throws: `ImageError`.
  package func applying(_ operations: [ImageOperation]) throws -> Image {
    operations.reduce(try content.image().converted(channels: preprocessing.channels)) {
      $0.applying($1, fill: preprocessing.fill)
    }
  }

  /// The image as evaluation shows it to the model.
  ///
  /// - Throws: `LoaderError`, `ImageError`.
  package func evaluation() throws -> Image {
    try preprocessing.image(of: preprocessing.prepared(content))
  }

  /// Pixels between two samples of a sheet.
  private static let gap = 2

  /// `count` samples of training in rows, on white.
  ///
  /// - Throws: `LoaderError`, also where the sheet would have more than
  ///   `Image.maximumPixels`; `ImageError`.
  package func samples(count: Int, seed: UInt64) throws -> Image {
    let size = preprocessing.imageSize
    let columns = Int(Double(count).squareRoot().rounded(.up))
    let rows = (count + columns - 1) / columns
    let (width, height) = (columns * (size + Self.gap), rows * (size + Self.gap))
    guard width * height <= Image.maximumPixels else {
      throw LoaderError.setting(
        name: "count", found: "\(count)",
        expected: "fewer samples of \(size) x \(size): a sheet has at most "
          + "\(Image.maximumPixels) pixels")
    }
    let channels = preprocessing.channels
    var sheet = [UInt8](repeating: 255, count: width * height * channels)
    for index in 0..<count {
      let values = try preprocessing.augmented(content, seed: seed, index: index)
      let sample = try preprocessing.image(of: values)
      let (left, top) = (index % columns * (size + Self.gap), index / columns * (size + Self.gap))
      for y in 0..<size {
        let start = ((top + y) * width + left) * channels
        let line = y * size * channels..<(y + 1) * size * channels
        sheet.replaceSubrange(start..<start + line.count, with: sample.pixels[line])
      }
    }
    return Image(width: width, height: height, channels: channels, pixels: sheet)
  }
}

/// Writes an image as a PNG file.
///
/// - Throws: `FileError`, `OutputError`, `ImageError`.
package func writePNG(_ image: Image, to output: OutputFile) throws {
  let bytes = try PNGEncoder.encode(image, name: output.path)
  try output.write { file in try bytes.withUnsafeBytes { try file.write($0) } }
}
