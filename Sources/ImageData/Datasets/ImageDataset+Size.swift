extension ImageDataset {
  /// Width and height of the image files, each the median of up to 32 that are spread evenly over the data set, whose
  /// headers are read; nil for bare pixels and where no file could be read.
  package var medianFileSize: (width: Int, height: Int)? {
    let sample = EvenSample(of: count, 32)
    let sizes = (0..<sample.count).compactMap { item -> (width: Int, height: Int)? in
      // Broken images are another's business.
      guard case .file(let file)? = try? content(sample[item]) else { return nil }
      return (file.width, file.height)
    }
    func median(_ values: [Int]) -> Int { values.sorted()[(values.count - 1) / 2] }
    return sizes.isEmpty ? nil : (median(sizes.map(\.width)), median(sizes.map(\.height)))
  }
}
