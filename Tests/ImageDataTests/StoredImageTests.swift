import Fuzzing
import ImageData
import Testing

@Suite("Ways of storing an image")
struct StoredImageTests {
  /// A JPEG with an EXIF block behind its first marker; the directory's first entry is another tag.
  private func withEXIF(_ file: [UInt8], orientation: Int, isLittleEndian: Bool) -> [UInt8] {
    func number(_ value: Int, bytes count: Int) -> [UInt8] {
      let big = (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return isLittleEndian ? big.reversed() : big
    }
    var tiff: [UInt8] = Array((isLittleEndian ? "II" : "MM").utf8) + number(42, bytes: 2)
    tiff += number(8, bytes: 4) + number(2, bytes: 2)
    for (tag, value) in [(0x0103, 6), (0x0112, orientation)] {
      tiff += number(tag, bytes: 2) + number(3, bytes: 2) + number(1, bytes: 4)
      tiff += number(value, bytes: 2) + [0, 0]
    }
    tiff += number(0, bytes: 4)
    let content = Array("Exif\0\0".utf8) + tiff
    let length = content.count + 2
    var result = Array(file.prefix(2))
    result += [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)]
    result += content
    return result + file.dropFirst(2)
  }

  /// Where upright pixel (x, y) lies in a stored image of `width` × `height`, by the standard's
  /// figure.
  private func stored(_ orientation: Int, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> (
    x: Int, y: Int
  ) {
    switch orientation {
    case 2: (width - 1 - x, y)
    case 3: (width - 1 - x, height - 1 - y)
    case 4: (x, height - 1 - y)
    case 5: (y, x)
    case 6: (y, height - 1 - x)
    case 7: (width - 1 - y, height - 1 - x)
    case 8: (width - 1 - y, x)
    default: (x, y)
    }
  }

  /// Slopes that differ in each direction; sides that blocks of eight do not fill.
  private let slope: Image = {
    var pixels: [UInt8] = []
    for y in 0..<29 {
      for x in 0..<45 { pixels.append(UInt8(10 + 3 * x + 2 * y)) }
    }
    return Image(width: 45, height: 29, channels: 1, pixels: pixels)
  }()

  @Test("an image is turned upright by each of EXIF's eight values", arguments: 1...8)
  func orientation(value: Int) throws {
    let plain = jpeg(slope)
    let straight = try EncodedImage(plain, name: "x").decoded()
    for isLittleEndian in [true, false] {
      let bytes = withEXIF(plain, orientation: value, isLittleEndian: isLittleEndian)
      let file = try EncodedImage(bytes, name: "x")
      let (width, height) = value >= 5 ? (29, 45) : (45, 29)
      #expect(file.width == width && file.height == height)
      let image = try file.decoded()
      let expected = (0..<height).flatMap { y in
        (0..<width).map { x in
          let place = stored(value, x, y, 45, 29)
          return straight.pixels[place.y * 45 + place.x]
        }
      }
      let isEqual = image.width == width && image.height == height && image.pixels == expected
      #expect(isEqual)
    }
  }

  @Test(
    "a JPEG decoded to a part of its size shows means of blocks, however it was turned",
    arguments: 1...8, [1, 2, 4, 8])
  func reduced(value: Int, reduction: Int) throws {
    let bytes = withEXIF(jpeg(slope), orientation: value, isLittleEndian: true)
    let file = try EncodedImage(bytes, name: "x")
    let whole = try file.decoded()
    let image = try file.decoded(reduction: reduction)
    #expect(image.width == (file.width + reduction - 1) / reduction)
    #expect(image.height == (file.height + reduction - 1) / reduction)
    var worst = 0
    for y in 0..<image.height {
      for x in 0..<image.width {
        let rows = y * reduction..<min(whole.height, (y + 1) * reduction)
        let columns = x * reduction..<min(whole.width, (x + 1) * reduction)
        let values = rows.flatMap { row in columns.map { Int(whole.pixels[row * whole.width + $0]) }
        }
        let mean = values.reduce(0, +) / values.count
        worst = max(worst, abs(mean - Int(image.pixels[y * image.width + x])))
      }
    }
    // A block that the image's end cuts off is filled up by the writer: half a block's slope at
    // most.
    #expect(worst <= 5)
  }

  @Test("an EXIF block without sense leaves the image as it is")
  func senseless() throws {
    let plain = jpeg(slope)
    for value in [0, 9, 65535] {
      let bytes = withEXIF(plain, orientation: value, isLittleEndian: true)
      #expect(try EncodedImage(bytes, name: "x").width == 45)
    }
    let good = withEXIF(plain, orientation: 6, isLittleEndian: true)
    #expect(try EncodedImage(good, name: "x").width == 29)
    // The directory's place and its count point anywhere.
    for position in [16, 17, 18, 19, 20, 21] {
      for value: UInt8 in [0xFF, 0x7F, 0x00] {
        var bytes = good
        bytes[position] = value
        _ = try EncodedImage(bytes, name: "x").decoded()
      }
    }
    // Fill bytes may stand before any marker.
    var filled = good
    filled.insert(contentsOf: [0xFF, 0xFF], at: 2)
    #expect(try EncodedImage(filled, name: "x").width == 29)
  }

  @Test("headers of 60,000 x 60,000 pixels are errors, whatever the format")
  func huge() throws {
    let fault = ImageError.Fault.size(width: 60_000, height: 60_000)
    let png = PNGWriter.file(width: 60_000, height: 60_000, type: PNGWriter.grey, rows: [[0]])
    var bytes = jpeg(slope)
    let frame = try #require(
      bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xEA, 0x60, 0xEA, 0x60])
    for file in [png, bytes] {
      #expect(throws: ImageError(name: "x", fault: fault)) { try EncodedImage(file, name: "x") }
    }
  }

  @Test("a written PNG is read back, grey and colour", arguments: [1, 3])
  func written(channels: Int) throws {
    for (width, height) in [(1, 1), (7, 5), (300, 2)] {
      let image = pattern(width, height, channels)
      let file = try PNGEncoder.encode(image, name: "x")
      let isSame = try EncodedImage(file, name: "x").decoded() == image
      #expect(isSame, "\(width) x \(height)")
    }
  }

  /// `pattern(5, 3, 3)` by Pillow 13's lossless writer.
  private let webp = bytes(
    hexadecimal: "5249464656000000574542505650384c4a0000002f0480000077401660720f616f04f9eb1504"
      + "91b66d0c3753707a226ddb18ae84d17bfafc930d5014368fb407c0e5369ffd005443b642cddcdf97610e29"
      + "c490422c3146f43fbab8933f00")

  @Test(
    "WebP is read where the library is there",
    .enabled(if: ImageFormat.webp.isReadable, "libwebp is not installed"))
  func webpFile() throws {
    let file = try EncodedImage(webp, name: "x.jpg")
    #expect(file.format == .webp && file.width == 5 && file.height == 3)
    let isSame = try file.decoded() == pattern(5, 3, 3)
    #expect(isSame)
    #expect(throws: ImageError(name: "x", fault: .damaged(.webp, nil))) {
      try EncodedImage(Array(webp.prefix(40)), name: "x").decoded()
    }
  }

  @Test(
    "without the library, the error says what to install",
    .enabled(if: !ImageFormat.webp.isReadable, "libwebp is installed"))
  func webpMissing() {
    let error = #expect(throws: ImageError.self) { try EncodedImage(webp, name: "x") }
    #expect(error?.description.contains("libwebp") == true)
  }
}
