import CImageDecoding

/// TIFF through libtiff and HEIC and AVIF through libheif, where the system has them: they are looked for when the
/// first such file comes.
enum LibraryDecoder {
  /// Whether this system has the library, and with it a decoder for the format.
  static func isAvailable(_ format: ImageFormat) -> Bool {
    switch format {
    case .tiff: tj_tiff_is_available() != 0
    case .heic, .avif: tj_heif_is_available(format == .avif ? 1 : 0) != 0
    default: false
    }
  }

  /// What the header claims. HEIC and AVIF are turned by the library, and what else is in them of EXIF is not followed,
  /// as their standard wants it.
  static func header(_ bytes: [UInt8], as format: ImageFormat, name: String) throws -> ImageHeader {
    guard isAvailable(format) else { throw ImageError(name: name, fault: .libraryMissing(format)) }
    if format == .tiff { return try tiff(bytes, name: name) }
    let header = try ImageData.header(of: bytes, as: format, name: name, tj_heif_header)
    let (width, height) = (Int(header.width), Int(header.height))
    // Whatever the file calls itself: AV1 pictures may be in either.
    let frames = AV1Frames(bytes)
    guard frames.claimedByPictures / 2 - 1 << 12 <= frames.claimedByBoxes else {
      let text =
        "its pictures claim \(frames.claimedByPictures) pixels, its boxes \(frames.claimedByBoxes)"
      throw ImageError(name: name, fault: .damaged(format, text))
    }
    // Planes of luma and colours, of up to 16 bits each, and what they become before they are copied.
    return ImageHeader(
      width: width, height: height,
      workingBytes: min(
        6 * Image.maximumPixels, width.multipliedReportingOverflow(by: 9 * height).partialValue))
  }

  /// The pixels as stored, or of HEIC and AVIF upright. Of a size that `header` has found allowable.
  static func decode(
    _ bytes: [UInt8], as format: ImageFormat, _ header: ImageHeader, name: String
  ) throws -> Image {
    let count = header.width * header.height * header.channels
    return Image(
      width: header.width, height: header.height, channels: header.channels,
      pixels: try values(
        count, of: bytes, as: format, name: name, format == .tiff ? tj_tiff_decode : tj_heif_decode)
    )
  }

  /// How many pixels that makes; an error for more than an image may have.
  @discardableResult
  private static func check(width: Int, height: Int, name: String) throws -> Int {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, pixels <= Image.maximumPixels else {
      throw ImageError(name: name, fault: .size(width: width, height: height))
    }
    return pixels
  }

  /// libtiff sets tables of all strips aside when it opens a file, so that what they claim is looked at before.
  private static func tiff(_ bytes: [UInt8], name: String) throws -> ImageHeader {
    func fault(_ text: String) -> ImageError {
      ImageError(name: name, fault: .damaged(.tiff, text))
    }
    guard let tags = TagDirectory(bytes[...]), let length = tags[257] else {
      throw fault("no directory of tags")
    }
    guard length / max(1, tags[278] ?? .max) <= bytes.count else {
      throw fault("more strips than the file has bytes")
    }
    // A single strip, which needs no tag, is cut into many where it is not compressed.
    try check(width: tags[256] ?? 1, height: length, name: name)
    let header = try ImageData.header(of: bytes, as: .tiff, name: name, tj_tiff_header)
    // libtiff takes indices for greys where the colours are missing.
    if tags[262] == 3, header.channels == 1 { throw fault("no colours for its indices") }
    let (width, height) = (Int(header.width), Int(header.height))
    let pixels = try check(width: width, height: height, name: name)
    // A strip or tile that is much larger than the image would be unpacked for nothing.
    guard header.piece / 16 <= pixels + 1 << 16 else {
      throw fault("a strip or tile of \(header.piece) bytes")
    }
    return ImageHeader(
      width: width, height: height, channels: Int(header.channels),
      orientation: tags[274].flatMap(ImageOrientation.init(rawValue:)) ?? .upright,
      workingBytes: 4 * pixels + min(Int(header.piece), 16 * pixels))
  }
}
