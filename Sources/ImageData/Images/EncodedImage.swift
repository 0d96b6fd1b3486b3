/// An image file in memory, of which the header has been read and the pixels have not.
package struct EncodedImage: Sendable {
  /// What messages call the file.
  package let name: String
  /// What it is.
  package let format: ImageFormat
  /// Pixels a row of the image held upright.
  package let width: Int
  /// Rows of the image held upright.
  package let height: Int
  /// The length of the file as it is stored, in bytes.
  package let byteCount: Int

  private let bytes: [UInt8]
  private let header: ImageHeader

  /// Reads the header of a file's content, which decides the format; the file's name does not.
  ///
  /// - Throws: `ImageError`, also where the header claims more than `Image.maximumPixels` (of a JPEG, four times as
  ///   many), or more than a file of this length can hold.
  package init(_ bytes: [UInt8], name: String) throws {
    let count = bytes.count
    if bytes.isEmpty { throw ImageError(name: name, fault: .empty) }
    guard let format = ImageFormat(signatureOf: bytes) else {
      throw ImageError(name: name, fault: .unrecognized(firstBytes: Array(bytes.prefix(4))))
    }
    var bytes = bytes
    let header: ImageHeader
    switch format {
    case .jpeg: header = try JPEGDecoder.header(bytes, name: name)
    case .png:
      let chunks = try PNGChunks(bytes, name: name)
      bytes = chunks.needed
      header = try PNGDecoder.header(chunks, name: name)
    case .webp: header = try WebPDecoder.header(bytes, name: name)
    case .gif: header = try GIFDecoder(bytes, name: name).header
    case .bmp: header = try BMPDecoder(bytes, name: name).header
    case .tiff, .heic, .avif: header = try LibraryDecoder.header(bytes, as: format, name: name)
    }
    (self.bytes, self.header, self.name, self.format) = (bytes, header, name, format)
    byteCount = count
    let (pixels, overflow) = header.width.multipliedReportingOverflow(by: header.height)
    // A JPEG that has more is decoded to a half.
    let most = format == .jpeg ? 4 * Image.maximumPixels : Image.maximumPixels
    guard header.width > 0, header.height > 0, !overflow, pixels <= most,
      header.workingBytes <= Image.maximumWorkingBytes
    else { throw ImageError(name: name, fault: .size(width: header.width, height: header.height)) }
    guard header.fewestBytes <= bytes.count else {
      throw ImageError(
        name: name,
        fault: .implausible(width: header.width, height: header.height, bytes: bytes.count))
    }
    (width, height) =
      header.orientation.swapsAxes
      ? (header.height, header.width) : (header.width, header.height)
  }

  /// How much smaller the file must be decoded at least: 2 for a JPEG of more than `Image.maximumPixels`, else 1.
  package var leastReduction: Int { width * height > Image.maximumPixels ? 2 : 1 }

  /// The pixels, upright: 1 channel where the file is grey, else 3.
  ///
  /// - Parameter reduction: 1, 2, 4 or 8, and no less than `leastReduction`, which serves in place of what is less. A
  ///   JPEG is decoded to a `reduction`-th of its width and height, rounded up, straight from its frequencies: pixel x
  ///   shows what pixels x·reduction ..< (x + 1)·reduction of the whole show. The other formats are decoded whole,
  ///   whatever is asked for.
  /// - Throws: `ImageError`.
  package func decoded(reduction: Int = 1) throws -> Image {
    precondition([1, 2, 4, 8].contains(reduction), "reduced to 1/\(reduction)")
    let reduction = max(reduction, leastReduction)
    let isDirect = isReducedDirectly(by: reduction)
    let image =
      switch format {
      case .jpeg: try JPEGDecoder.decode(bytes, reduction: isDirect ? reduction : 1, name: name)
      case .png: try PNGDecoder.decode(bytes, header, name: name)
      case .webp: try WebPDecoder.decode(bytes, header, name: name)
      case .gif: try GIFDecoder(bytes, name: name).decoded()
      case .bmp: try BMPDecoder(bytes, name: name).decoded()
      case .tiff, .heic, .avif:
        try LibraryDecoder.decode(bytes, as: format, header, name: name)
      }
    let upright = image.turned(header.orientation)
    return format == .jpeg && !isDirect ? upright.reduced(by: reduction) : upright
  }

  /// What decoding at a reduction takes of memory at most, in bytes: the file, its pixels, twice where they are turned,
  /// and what the decoder keeps beside them.
  func decodingBytes(reduction: Int) -> Int {
    let isReduced = format == .jpeg && isReducedDirectly(by: reduction)
    let divisor = isReduced ? max(reduction, leastReduction) : 1
    let pixels =
      header.channels * ((width - 1) / divisor + 1) * ((height - 1) / divisor + 1)
    return byteCount + header.workingBytes + (header.orientation == .upright ? 1 : 2) * pixels
  }

  /// Whether a JPEG can be decoded to a part and turned then.
  ///
  /// What is left over of a row or column of blocks comes last in the file. Where turning would bring it to the front,
  /// blocks of the upright image are others than the file's, and are made of whole pixels; but for images that cannot
  /// be decoded whole, which move by less than a pixel.
  private func isReducedDirectly(by reduction: Int) -> Bool {
    let orientation = header.orientation
    return leastReduction > 1
      || (!orientation.reversesColumns || header.width % reduction == 0)
        && (!orientation.reversesRows || header.height % reduction == 0)
  }
}
