import CTurboJPEG
import Fuzzing
import ImageData
import Testing

@Suite("Decoding")
struct ImageDecodingTests {
  /// A quality-100 JPEG rounds its coefficients to whole numbers: on a flat image, within 1 level a
  /// colour conversion.
  private func isNear(_ found: [UInt8], _ expected: [UInt8], within tolerance: Int) -> Bool {
    found.count == expected.count
      && zip(found, expected).allSatisfy { abs(Int($0) - Int($1)) <= tolerance }
  }

  private func flat(_ width: Int, _ height: Int, _ colour: [UInt8]) -> Image {
    Image(
      width: width, height: height, channels: colour.count,
      pixels: Array(repeating: colour, count: width * height).flatMap { $0 })
  }

  @Test(
    "a JPEG comes back as it was, in its own channels",
    arguments: [[UInt8](arrayLiteral: 77), [200, 30, 90]])
  func jpegColours(colour: [UInt8]) throws {
    let image = flat(19, 11, colour)
    let decoded = try EncodedImage(jpeg(image), name: "x").decoded()
    #expect(decoded.width == 19 && decoded.height == 11 && decoded.channels == colour.count)
    #expect(isNear(decoded.pixels, image.pixels, within: 2))
  }

  @Test("a JPEG's rows and columns are not exchanged")
  func jpegOrientation() throws {
    // Left half dark, right half bright, in whole blocks of 8.
    let pixels = (0..<8).flatMap { _ in (0..<16).map { UInt8($0 < 8 ? 20 : 230) } }
    let image = Image(width: 16, height: 8, channels: 1, pixels: pixels)
    #expect(isNear(try EncodedImage(jpeg(image), name: "x").decoded().pixels, pixels, within: 2))
  }

  @Test("a CMYK JPEG becomes RGB: 255 is no ink, a colour is multiplied by black")
  func cmyk() throws {
    let values = Array(repeating: [255, 128, 0, 200] as [UInt8], count: 64).flatMap { $0 }
    let bytes = jpeg(
      values, width: 8, height: 8, format: TJPF_CMYK, subsampling: TJSAMP_444)
    let decoded = try EncodedImage(bytes, name: "x").decoded()
    #expect(decoded.channels == 3)
    let expected = Array(repeating: [200, 100, 0] as [UInt8], count: 64).flatMap { $0 }
    #expect(isNear(decoded.pixels, expected, within: 3))
  }

  @Test("a truncated JPEG is an error that names the file")
  func truncatedJPEG() throws {
    let bytes = jpeg(pattern(40, 40, 3))
    let error = try #require(
      #expect(throws: ImageError.self) {
        try EncodedImage(Array(bytes.prefix(bytes.count / 2)), name: "train/cat/7.jpg").decoded()
      })
    #expect(error.description.hasPrefix("train/cat/7.jpg: damaged or unreadable JPEG ("))
    #expect(error.category == .badData)
    guard case .damaged(.jpeg, let message?) = error.fault else {
      Issue.record("\(error.fault)")
      return
    }
    #expect(!message.isEmpty && message != "No error" && message != "no message")
  }

  @Test("the content decides the format, not the name")
  func contentDecides() throws {
    let folder = try TemporaryFolder()
    for side in ["train", "test"] {
      try folder.write("\(side)/a/really-a.png", jpeg(flat(8, 8, [9])))
    }
    let image = try ImageDatasets.open(folder.path).train.image(0)
    #expect(isNear(image.pixels, flat(8, 8, [9]).pixels, within: 1))
  }

  @Test("bytes that are no image are an error that shows them")
  func unrecognized() throws {
    let error = try #require(
      #expect(throws: ImageError.self) {
        try EncodedImage([0x25, 0x50, 0x44, 0x46, 0x39], name: "a.jpg").decoded()
      })
    #expect(error.fault == .unrecognized(firstBytes: [0x25, 0x50, 0x44, 0x46]))
    #expect(error.description.contains("starts with 25 50 44 46"))
  }

  @Test("an empty file is an error")
  func empty() {
    #expect(throws: ImageError(name: "a.jpg", fault: .empty)) {
      try EncodedImage([], name: "a.jpg").decoded()
    }
  }

  @Test("a JPEG header that claims more than 536 megapixels is an error, not an allocation")
  func hugeJPEG() throws {
    var bytes = jpeg(flat(8, 8, [1]))
    // Start of frame: FF C0, length, precision, height, width.
    let frame = try #require(
      bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xC0, 0x00, 0xB0, 0x00])
    let error = #expect(throws: ImageError.self) { try EncodedImage(bytes, name: "x").decoded() }
    #expect(error?.fault == .size(width: 0xB000, height: 0xC000))
  }

  @Test("grey is repeated; colours become luma as Pillow rounds it")
  func channels() {
    let luma: [UInt8] = [41, 152, 84, 118, 200, 84, 195, 50]
    #expect(pattern(4, 2, 3).converted(channels: 1).pixels == luma)
    let grey = Image(width: 2, height: 1, channels: 1, pixels: [3, 250])
    #expect(grey.converted(channels: 3).pixels == [3, 3, 3, 250, 250, 250])
  }
}
