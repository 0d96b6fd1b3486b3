import Fuzzing
import ImageData
import Testing

@Suite("Decoding PNG")
struct PNGDecodingTests {
  private func decode(_ bytes: [UInt8]) throws -> Image {
    try EncodedImage(bytes, name: "x.png").decoded()
  }

  @Test("8-bit grey and colour come back exactly", arguments: [1, 3])
  func eightBit(channels: Int) throws {
    let image = pattern(7, 5, channels)
    let line = 7 * channels
    let rows = (0..<5).map { Array(image.pixels[$0 * line..<($0 + 1) * line]) }
    let file = PNGWriter.file(
      width: 7, height: 5, type: channels == 1 ? PNGWriter.grey : PNGWriter.colour, rows: rows)
    #expect(try decode(file) == image)
  }

  @Test("1-bit grey becomes black and white")
  func oneBit() throws {
    let file = PNGWriter.file(
      width: 4, height: 1, depth: 1, type: PNGWriter.grey, rows: [[0b1010_0000]])
    #expect(try decode(file).pixels == [255, 0, 255, 0])
  }

  @Test("16 bits become 8 without a change of gamma")
  func sixteenBit() throws {
    let file = PNGWriter.file(
      width: 3, height: 1, depth: 16, type: PNGWriter.grey, rows: [[0, 0, 0x80, 0x80, 255, 255]])
    #expect(try decode(file).pixels == [0, 128, 255])
  }

  @Test("a palette becomes its colours")
  func palette() throws {
    let file = PNGWriter.file(
      width: 2, height: 1, type: PNGWriter.palette, rows: [[1, 0]],
      chunks: [("PLTE", [10, 20, 30, 200, 100, 50])])
    let image = try decode(file)
    #expect(image.channels == 3)
    #expect(image.pixels == [200, 100, 50, 10, 20, 30])
  }

  @Test("transparency is dropped: colours and greys are what is stored under it")
  func alpha() throws {
    let colour = PNGWriter.file(
      width: 2, height: 1, type: PNGWriter.colourAlpha, rows: [[9, 8, 7, 255, 90, 80, 70, 0]])
    #expect(try decode(colour).pixels == [9, 8, 7, 90, 80, 70])
    let grey = PNGWriter.file(
      width: 2, height: 1, type: PNGWriter.greyAlpha, rows: [[200, 255, 200, 0]])
    #expect(try decode(grey).pixels == [200, 200])
    #expect(try decode(grey).channels == 1)
  }

  @Test("gamma, white point and profile are not applied, and 16 bits lose their lower 8")
  func gamma() throws {
    let chunks: [(String, [UInt8])] = [
      ("gAMA", [0, 0, 0xD9, 3]), ("sRGB", [0]), ("tRNS", [0, 20, 0, 20, 0, 20]),
    ]
    let file = PNGWriter.file(
      width: 1, height: 1, depth: 16, type: PNGWriter.colour, rows: [[20, 255, 130, 0, 255, 254]],
      chunks: chunks)
    #expect(try decode(file).pixels == [20, 130, 255])
  }

  @Test("a truncated PNG and one with a wrong checksum are errors with the library's words")
  func damaged() throws {
    let good = PNGWriter.file(
      width: 4, height: 4, type: PNGWriter.grey, rows: Array(repeating: [1, 2, 3, 4], count: 4))
    var bad = good
    bad[50] ^= 1
    for bytes in [Array(good.prefix(good.count / 2)), bad] {
      let error = try #require(#expect(throws: ImageError.self) { try decode(bytes) })
      guard case .damaged(.png, let message?) = error.fault else {
        Issue.record("\(error.fault)")
        continue
      }
      #expect(!message.isEmpty)
      #expect(
        error.description == "x.png: damaged or unreadable PNG (\(message)); "
          + "fetch it again or remove it")
    }
  }

  @Test("a PNG header that claims more than 134 megapixels is an error, not an allocation")
  func huge() throws {
    let file = PNGWriter.file(width: 20_000, height: 20_000, type: PNGWriter.colour, rows: [[0]])
    #expect(throws: ImageError(name: "x.png", fault: .size(width: 20_000, height: 20_000))) {
      try decode(file)
    }
  }
}
