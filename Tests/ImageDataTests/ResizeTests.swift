import ImageData
import Testing

/// The expected values are those of Pillow 11's `resize(…, BICUBIC)` and centre crop for the same input.
@Suite("Resizing")
struct ResizeTests {
  struct Case: Sendable {
    let width: Int
    let height: Int
    let channels: Int
    let size: Int
    let expected: [UInt8]
  }

  static let cases = [
    Case(
      width: 7, height: 7, channels: 1, size: 3,
      expected: [40, 124, 208, 47, 131, 215, 54, 138, 222]),
    Case(
      width: 3, height: 3, channels: 1, size: 5,
      expected: [
        0, 14, 40, 66, 80, 41, 60, 93, 120, 133, 119, 133, 159, 185, 199, 209, 152, 70, 88, 110,
        255,
        157, 3, 16, 43,
      ]),
    Case(
      width: 10, height: 4, channels: 1, size: 3,
      expected: [146, 137, 167, 141, 83, 153, 187, 145, 95]),
    Case(
      width: 3, height: 8, channels: 3, size: 2,
      expected: [148, 97, 148, 124, 164, 124, 168, 152, 143, 144, 120, 119]),
  ]

  @Test("shrinking, growing and centre crops give Pillow's values", arguments: cases)
  func knownValues(example: Case) {
    let image = pattern(example.width, example.height, example.channels)
    let fitted = image.fitted(size: example.size, channels: example.channels)
    #expect(fitted.width == example.size && fitted.height == example.size)
    #expect(fitted.pixels == example.expected)
  }

  @Test("an image that has the size already is not touched", arguments: [1, 3])
  func identity(channels: Int) {
    let image = pattern(9, 9, channels)
    #expect(image.fitted(size: 9, channels: channels) == image)
  }

  @Test("where the shorter side fits, the longer one is only cropped")
  func cropOnly() {
    let wide = Image(width: 5, height: 2, channels: 1, pixels: [0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    #expect(wide.fitted(size: 2, channels: 1).pixels == [2, 3, 12, 13])
    let tall = Image(width: 1, height: 4, channels: 1, pixels: [5, 6, 7, 8])
    #expect(tall.fitted(size: 1, channels: 1).pixels == [7])
  }

  @Test("a flat image stays flat at any size", arguments: 1...20)
  func flat(size: Int) {
    let image = Image(width: 13, height: 6, channels: 1, pixels: Array(repeating: 201, count: 78))
    #expect(
      image.fitted(size: size, channels: 3).pixels
        == Array(repeating: 201, count: 3 * size * size))
  }

  @Test("grey is repeated after resizing, colours are joined before it")
  func channelOrder() {
    let grey = pattern(11, 7, 1)
    #expect(
      grey.fitted(size: 4, channels: 3) == grey.fitted(size: 4, channels: 1).converted(channels: 3))
    let colour = pattern(11, 7, 3)
    #expect(
      colour.fitted(size: 4, channels: 1)
        == colour.converted(channels: 1).fitted(size: 4, channels: 1))
  }

  @Test("a line of a million pixels is cropped without being blown up")
  func extremeShape() {
    let line = Image(
      width: 1_000_000, height: 1, channels: 1, pixels: Array(repeating: 7, count: 1_000_000))
    #expect(line.fitted(size: 32, channels: 1).pixels == Array(repeating: 7, count: 1024))
  }
}
