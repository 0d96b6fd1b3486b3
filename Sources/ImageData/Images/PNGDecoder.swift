import CImageDecoding

/// PNG through libpng. Pixels come out as stored: transparency is dropped and gamma left alone, as Pillow's
/// `convert("RGB")` does.
enum PNGDecoder {
  /// What the header claims, of a file that `PNGChunks` has cut down.
  ///
  /// A row has a byte for its filter and ⌈W·bits/8⌉ for its pixels, interlacing only adds to them, and deflate makes
  /// at most 1032 bytes of one (`GzipReader.largestRatio`).
  static func header(_ chunks: PNGChunks, name: String) throws -> ImageHeader {
    let bytes = chunks.needed
    let header = try ImageData.header(of: bytes, as: .png, name: name, tj_png_header)
    // Signature, length and name of the first chunk, width, height: then depth and colour type.
    let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[25]] ?? 1
    let (width, height) = (Int(header.width), Int(header.height))
    let row = 1 + (width * samples * Int(bytes[24]) + 7) / 8
    return ImageHeader(
      width: width, height: height, channels: Int(header.channels), orientation: chunks.orientation,
      fewestBytes: row * height / GzipReader.largestRatio,
      workingBytes: height * MemoryLayout<Int>.stride + 16 * width)
  }

  /// Grey (with or without alpha) stays grey, everything else becomes RGB. Of a size that `header` has found allowable.
  static func decode(_ bytes: [UInt8], _ header: ImageHeader, name: String) throws -> Image {
    let count = header.width * header.height * header.channels
    return Image(
      width: header.width, height: header.height, channels: header.channels,
      pixels: try values(count, of: bytes, as: .png, name: name, tj_png_decode))
  }
}
