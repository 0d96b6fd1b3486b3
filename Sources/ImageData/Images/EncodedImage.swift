/// An image file in memory, of which the header has been read and the pixels have not.
public struct EncodedImage: Sendable {
  /// What messages call the file.
  public let name: String
  /// What it is.
  public let format: ImageFormat
  /// Pixels a row of the image held upright.
  public let width: Int
  /// Rows of the image held upright.
  public let height: Int
  /// The length of the file as it is stored, in bytes.
  public let byteCount: Int

  private let bytes: [UInt8]
  private let orientation: ImageOrientation

  /// Reads the header of a file's content, which decides the format; the file's name does not.
  ///
  /// - Throws: `ImageError`, also where the header claims more than `Image.maximumPixels`, or more than
  ///   a file of this length can hold.
  public init(_ bytes: [UInt8], name: String) throws {
    let count = bytes.count
    if bytes.isEmpty { throw ImageError(name: name, fault: .empty) }
    guard let format = ImageFormat(signatureOf: bytes) else {
      throw ImageError(name: name, fault: .unrecognized(firstBytes: Array(bytes.prefix(4))))
    }
    let bytes = format == .png ? try PNGChunks.needed(of: bytes, name: name) : bytes
    (self.bytes, self.name, self.format) = (bytes, name, format)
    byteCount = count
    let size =
      switch format {
      case .jpeg: try JPEGDecoder.size(bytes, name: name)
      case .png: try PNGDecoder.size(bytes, name: name)
      case .webp: try WebPDecoder.size(bytes, name: name)
      case .gif, .bmp, .tiff, .heic, .avif:
        throw ImageError(name: name, fault: .libraryMissing(format))
      }
    let (pixels, overflow) = size.width.multipliedReportingOverflow(by: size.height)
    guard size.width > 0, size.height > 0, !overflow, pixels <= Image.maximumPixels else {
      throw ImageError(name: name, fault: .size(width: size.width, height: size.height))
    }
    guard format.canHold(width: size.width, height: size.height, in: bytes) else {
      throw ImageError(
        name: name,
        fault: .implausible(width: size.width, height: size.height, bytes: bytes.count))
    }
    orientation = format == .jpeg ? ImageOrientation(ofJPEG: bytes) : .upright
    (width, height) = orientation.swapsAxes ? (size.height, size.width) : (size.width, size.height)
  }

  /// The pixels, upright: 1 channel where the file is grey, else 3.
  ///
  /// - Parameter reduction: 1, 2, 4 or 8. A JPEG is decoded to a `reduction`-th of its width and height, rounded up,
  ///   straight from its frequencies: pixel x shows what pixels x·reduction ..< (x + 1)·reduction of the whole show.
  ///   The other formats are decoded whole, whatever is asked for.
  /// - Throws: `ImageError`.
  public func decoded(reduction: Int = 1) throws -> Image {
    precondition([1, 2, 4, 8].contains(reduction), "reduced to 1/\(reduction)")
    // What is left over of a row or column of blocks comes last in the file. Where turning would
    // bring it to the front, blocks of the upright image are others than the file's, and are made
    // of whole pixels.
    let stored = orientation.swapsAxes ? (height, width) : (width, height)
    let isAligned =
      (!orientation.reversesColumns || stored.0 % reduction == 0)
      && (!orientation.reversesRows || stored.1 % reduction == 0)
    let image =
      switch format {
      case .jpeg:
        try JPEGDecoder.decode(bytes, reduction: isAligned ? reduction : 1, name: name)
      case .png: try PNGDecoder.decode(bytes, name: name)
      case .webp: try WebPDecoder.decode(bytes, name: name)
      case .gif, .bmp, .tiff, .heic, .avif:
        throw ImageError(name: name, fault: .libraryMissing(format))
      }
    let upright = image.turned(orientation)
    return format == .jpeg && !isAligned ? upright.reduced(by: reduction) : upright
  }
}
