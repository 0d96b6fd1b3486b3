/// What a survey keeps of one image.
struct ImageFacts: Sendable {
  /// The file, unless the image is stored as bare pixels.
  let file: (format: ImageFormat, bytes: Int)?
  let width: Int
  let height: Int
  let isGrey: Bool
  /// The mean of each channel's values in 0...1; a grey image has three that are the same.
  let mean: SIMD3<Double>
  /// The mean of their squares.
  let meanSquare: SIMD3<Double>
  /// What equal files or pixels have in common (`EqualFiles`).
  let digest: UInt128

  /// Decodes image `index` whole, or of the largest a half of width and height. Throws `ImageError`, `FileError`.
  init(_ dataset: any ImageDataset, _ index: Int) throws {
    let bytes = try dataset.file(index)
    let content =
      try bytes.map { .file(try EncodedImage($0, name: dataset.name(index))) }
      ?? dataset.content(index)
    let image = try content.image()
    file =
      if case .file(let file) = content { (file.format, file.byteCount) } else { nil }
    digest = EqualFiles.digest(bytes, image)
    (width, height, isGrey) = (content.width, content.height, image.channels == 1)

    let (sum, squares) = Self.sums(image)
    let area = Double(image.width) * Double(image.height)
    mean = SIMD3<Double>(sum) / (255 * area)
    meanSquare = SIMD3<Double>(squares) / (255 * 255 * area)
  }

  /// The sums of each channel's values and of their squares, in integers, which are exact in any
  /// order: 10⁸ pixels of 255² need 43 bits.
  private static func sums(_ image: Image) -> (values: SIMD3<Int>, squares: SIMD3<Int>) {
    image.pixels.withUnsafeBufferPointer { pixels in
      var values = SIMD3<Int>.zero
      var squares = SIMD3<Int>.zero
      for channel in 0..<image.channels {
        var (sum, squareSum) = (0, 0)
        for index in stride(from: channel, to: pixels.count, by: image.channels) {
          let value = Int(pixels[index])
          sum &+= value
          squareSum &+= value &* value
        }
        (values[channel], squares[channel]) = (sum, squareSum)
      }
      return image.channels == 1
        ? (SIMD3(repeating: values[0]), SIMD3(repeating: squares[0])) : (values, squares)
    }
  }
}
