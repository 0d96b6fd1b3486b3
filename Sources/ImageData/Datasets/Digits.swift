import CDigits

/// The handwritten digits that are built into the program: 8 × 8 pixels, 1437 for training, 360 for test.
/// Where they come from is said in Sources/CDigits/Data/README.md.
enum Digits {
  /// The values of the files run from 0 to this one.
  private static let maximumValue = 16

  static func pair() throws -> (train: IDXFiles, test: IDXFiles) {
    (
      try side("train", tj_digits_train_images(), tj_digits_train_labels()),
      try side("test", tj_digits_test_images(), tj_digits_test_labels())
    )
  }

  private static func side(_ name: String, _ images: tj_file, _ labels: tj_file) throws -> IDXFiles
  {
    func block(_ file: tj_file, _ content: String, dimensions: Int) throws -> IDXBlock {
      try IDXBlock(
        Array(UnsafeBufferPointer(start: file.bytes, count: file.count)),
        path: "digits/\(name)-\(content)", dimensions: dimensions)
    }
    return try IDXFiles(
      images: block(images, "images", dimensions: 3),
      labels: block(labels, "labels", dimensions: 1),
      classes: 10, maximumValue: maximumValue)
  }
}
