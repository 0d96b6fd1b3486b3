import Fuzzing
import ImageData
import Testing

/// How an image must be turned, wherever its file says it.
@Suite("Orientation")
struct OrientationTests {
  /// A block of EXIF with a single tag.
  private func exif(_ orientation: UInt8, type: UInt8 = 3) -> [UInt8] {
    // Big-endian: a number of two bytes stands at the front of the four.
    let value: [UInt8] =
      switch type {
      case 1: [orientation, 0, 0, 0]
      case 3: [0, orientation, 0, 0]
      default: [0, 0, 0, orientation]
      }
    return Array("MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, type, 0, 0, 0, 1] + value
      + [0, 0, 0, 0]
  }

  private let packet = "<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>"

  private func png(_ chunks: [(String, [UInt8])]) -> [UInt8] {
    PNGWriter.file(
      width: 3, height: 1, type: PNGWriter.grey, rows: [[10, 20, 30]], chunks: chunks)
  }

  private func isTurned(_ bytes: [UInt8]) throws -> Bool {
    let file = try EncodedImage(bytes, name: "x")
    let image = try file.decoded()
    #expect(file.width == image.width && file.height == image.height)
    return image.width == 1 && image.height == 3 && image.pixels == [10, 20, 30]
  }

  @Test("PNG says it in a chunk of EXIF, in ImageMagick's texts and in XMP")
  func chunks() throws {
    #expect(try !isTurned(png([])))
    #expect(try isTurned(png([("eXIf", exif(6))])))
    #expect(try isTurned(png([("eXIf", Array("Exif\0\0".utf8) + exif(6))])))
    let digits = exif(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let profile = Array("\nexif\n      26\n\(digits.prefix(20))\n\(digits.dropFirst(20))\n".utf8)
    for keyword in ["exif", "APP1"] {
      let name = Array("Raw profile type \(keyword)\0".utf8)
      #expect(try isTurned(png([("tEXt", name + profile)])))
      #expect(try isTurned(png([("zTXt", name + [0] + zlib(profile))])))
    }
    let xmp = Array("XML:com.adobe.xmp\0\0\0\0\0\(packet)".utf8)
    #expect(try isTurned(png([("iTXt", xmp)])))
    // EXIF comes before XMP.
    #expect(try !isTurned(png([("iTXt", xmp), ("eXIf", exif(1))])))
    // Nonsense is passed over.
    for content in [[], [1], Array("MM\0*".utf8), exif(9), exif(6, type: 7), exif(0)] {
      #expect(try !isTurned(png([("eXIf", content)])))
    }
    #expect(try !isTurned(png([("zTXt", Array("Raw profile type exif\0\0nonsense".utf8))])))
  }

  @Test("the number may have one, two or four bytes", arguments: [1, 3, 4] as [UInt8])
  func types(type: UInt8) throws {
    #expect(try isTurned(png([("eXIf", exif(6, type: type))])))
  }

  @Test("JPEG says it in XMP where EXIF does not")
  func jpegPacket() throws {
    let file = jpeg(pattern(24, 8, 1))
    func segment(_ content: [UInt8]) -> [UInt8] {
      [0xFF, 0xE1, 0, UInt8(content.count + 2)] + content
    }
    let xmp = segment(Array("http://ns.adobe.com/xap/1.0/\0\(packet)".utf8))
    let exif = segment(Array("Exif\0\0".utf8) + exif(1))
    #expect(try EncodedImage(file.prefix(2) + xmp + file.dropFirst(2), name: "x").width == 8)
    #expect(
      try EncodedImage(file.prefix(2) + xmp + exif + file.dropFirst(2), name: "x").width == 24)
  }
}
