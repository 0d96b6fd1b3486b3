extension ImageFormat {
  /// Whether a file of these bytes can hold an image of the size that its header claims: what
  /// cannot be there needs no memory. Sizes are at least 1 and their product an integer.
  ///
  /// - JPEG: the first scan of a component has at least one bit for each of its blocks of 8 × 8,
  ///   because no Huffman code is shorter and each block has a DC code of its own there (ITU-T
  ///   T.81, F.1.2.1, G.1.2.1). The component that is not subsampled has ⌈W/8⌉·⌈H/8⌉ of them: 512
  ///   pixels a byte. (Arithmetic coding could do with less for images of one colour. Files with it
  ///   hardly exist.)
  /// - PNG: a row has a byte for its filter and ⌈W·bits/8⌉ for its pixels, interlacing only adds to
  ///   them, and deflate makes at most 1032 bytes of one (`GzipReader.largestRatio`).
  /// - WebP: no bound, because its lossless kind codes an image of one colour in no bits at all.
  func canHold(width: Int, height: Int, in bytes: [UInt8]) -> Bool {
    switch self {
    case .jpeg: return (width + 7) / 8 * ((height + 7) / 8) <= 8 * bytes.count
    case .png:
      // Signature, length and name of the first chunk, width, height: then depth and colour type.
      guard bytes.count > 25 else { return false }
      let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[25]] ?? 1
      let row = 1 + (width * samples * Int(bytes[24]) + 7) / 8
      return row * height <= GzipReader.largestRatio * bytes.count
    case .webp, .gif, .bmp, .tiff, .heic, .avif: return true
    }
  }
}
