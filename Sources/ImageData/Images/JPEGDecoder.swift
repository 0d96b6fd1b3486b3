import CImageDecoding

/// JPEG through libjpeg: whatever it and Pillow decode, with any sampling of the colours and any trailer.
enum JPEGDecoder {
  /// What the header claims.
  ///
  /// The first scan of a component has at least one bit for each of its blocks of 8 × 8, because no Huffman code is
  /// shorter and each block has a DC code of its own there (ITU-T T.81, F.1.2.1, G.1.2.1): 512 pixels a byte where a
  /// component is not subsampled. (Arithmetic coding could do with less for images of one colour. Files with it
  /// hardly exist.)
  static func header(_ bytes: [UInt8], name: String) throws -> ImageHeader {
    let header = try ImageData.header(of: bytes, as: .jpeg, name: name, tj_jpeg_header)
    return ImageHeader(
      width: Int(header.width), height: Int(header.height), channels: header.channels == 1 ? 1 : 3,
      orientation: ImageOrientation(ofJPEG: bytes), fewestBytes: Int(header.blocks) / 8,
      workingBytes: Int(header.coefficients))
  }

  /// Grey stays grey; YCbCr and RGB become RGB; CMYK and YCCK become RGB. Of a size that `header` has found allowable.
  static func decode(_ bytes: [UInt8], reduction: Int, name: String) throws -> Image {
    let header = try ImageData.header(of: bytes, as: .jpeg, name: name, tj_jpeg_header)
    let width = (Int(header.width) + reduction - 1) / reduction
    let height = (Int(header.height) + reduction - 1) / reduction
    let channels = Int(header.channels)
    let decoded = try values(width * height * channels, of: bytes, as: .jpeg, name: name) {
      tj_jpeg_decode($0, $1, Int32(reduction), $2, $3, $4)
    }
    return Image(
      width: width, height: height, channels: channels == 1 ? 1 : 3,
      pixels: channels == 4 ? rgb(invertedCMYK: decoded) : decoded)
  }

  /// Adobe's convention, which all CMYK JPEGs in the wild follow: 255 is no ink, so that a colour is
  /// the product of its own and the black channel.
  private static func rgb(invertedCMYK values: [UInt8]) -> [UInt8] {
    var result = [UInt8]()
    result.reserveCapacity(values.count / 4 * 3)
    for start in stride(from: 0, to: values.count, by: 4) {
      let black = UInt32(values[start + 3])
      for channel in 0..<3 {
        result.append(UInt8((UInt32(values[start + channel]) * black + 127) / 255))
      }
    }
    return result
  }
}
