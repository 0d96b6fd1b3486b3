/// BMP files of Windows and OS/2: 1, 4, 8, 16, 24 and 32 bits a pixel, as they are or run-length encoded. No library
/// that systems have reads them.
struct BMPDecoder {
  /// How pixels are stored.
  private enum Storage {
    case indices, colours, runs
  }

  private let bytes: [UInt8]
  private let name: String
  private let width: Int
  private let height: Int
  private let isTopDown: Bool
  private let bits: Int
  private let storage: Storage
  /// Where pixels start.
  private let start: Int
  /// Where the palette starts, and how many bytes each of so many colours has.
  private let table: (start: Int, entry: Int, count: Int)
  /// Which bits of a pixel are red, green and blue.
  private let masks: [UInt32]

  /// Reads the header.
  ///
  /// - Throws: `ImageError`.
  init(_ bytes: [UInt8], name: String) throws {
    (self.bytes, self.name) = (bytes, name)
    func number(_ place: Int, _ length: Int = 4) -> Int {
      place + length <= bytes.count
        ? bytes[place..<place + length].reversed().reduce(0) { $0 << 8 | Int($1) } : 0
    }
    func signed(_ place: Int) -> Int { Int(Int32(truncatingIfNeeded: number(place))) }
    let size = number(14)
    guard bytes.count >= 26, size == 12 || (40...1024).contains(size), 14 + size <= bytes.count
    else { throw Self.fault("no header of a kind that is known", name) }
    start = number(10)
    if size == 12 {
      (width, height, isTopDown, bits) = (number(18, 2), number(20, 2), false, number(24, 2))
    } else {
      (width, height) = (signed(18), abs(signed(22)))
      (isTopDown, bits) = (signed(22) < 0, number(28, 2))
    }
    // Products of the two with a few bytes a pixel do not overflow.
    guard (1...Image.maximumPixels).contains(width), (1...Image.maximumPixels).contains(height)
    else {
      throw ImageError(name: name, fault: .size(width: width, height: height))
    }
    let method = size == 12 ? 0 : number(30)
    let isPalette = [1, 4, 8].contains(bits)
    guard isPalette || [16, 24, 32].contains(bits) else {
      throw Self.fault("\(bits) bits a pixel", name)
    }
    switch (method, bits) {
    case (0, _): storage = isPalette ? .indices : .colours
    case (1, 8), (2, 4): storage = .runs
    case (3, 16), (3, 32), (6, 16), (6, 32): storage = .colours
    default: throw Self.fault("compression \(method) with \(bits) bits a pixel", name)
    }
    // Masks lie in the header, or behind the short one: in the same place.
    let hasMasks = method == 3 || method == 6
    masks =
      hasMasks
      ? (0..<3).map { UInt32(number(54 + 4 * $0)) }
      : bits == 16 ? [0x7C00, 0x3E0, 0x1F] : [0xFF_0000, 0xFF00, 0xFF]
    let named = size == 12 ? 0 : number(46)
    let count = min(named == 0 ? 256 : named, isPalette ? 1 << bits : 0)
    table = (14 + size + (hasMasks && size == 40 ? 12 : 0), size == 12 ? 3 : 4, count)
  }

  /// What the header claims. Of a run two bytes make 255 pixels, and what runs leave out needs none: what has so many
  /// pixels a byte is refused all the same.
  var header: ImageHeader {
    // The last row's padding may be missing.
    let whole = (width * bits + 31) / 32 * 4 * (height - 1) + (width * bits + 7) / 8
    return ImageHeader(
      width: width, height: height,
      fewestBytes: storage == .runs ? width * height / 1024 : start + whole,
      workingBytes: storage == .colours ? 0 : 2 * width * height)
  }

  /// The pixels: grey where a palette is all steps of grey. Of a size that has been found allowable.
  func decoded() throws -> Image {
    if storage == .colours { return colours() }
    let indices = storage == .runs ? try unrolled() : unpacked()
    let end = min(bytes.count, table.start + table.entry * table.count)
    var levels: [UInt8] = []
    for place in stride(from: table.start, to: max(table.start, end - 2), by: table.entry) {
      levels += bytes[place..<place + 3].reversed()
    }
    // Two colours, black and white, are levels 0 and 255.
    if levels == [0, 0, 0, 255, 255, 255] {
      let pixels = indices.map { $0 == 0 ? 0 : 255 as UInt8 }
      return Image(width: width, height: height, channels: 1, pixels: pixels)
    }
    if levels.count == 768, levels.enumerated().allSatisfy({ Int($0.element) == $0.offset / 3 }) {
      return Image(width: width, height: height, channels: 1, pixels: indices)
    }
    return Image(width: width, height: height, palette: palette(levels), indices: indices)
  }

  /// The row of the file that is row `y`.
  private func stored(_ y: Int) -> Int { isTopDown ? y : height - 1 - y }

  private func unpacked() -> [UInt8] {
    let line = (width * bits + 31) / 32 * 4
    let perByte = 8 / bits
    return [UInt8](unsafeUninitializedCapacity: width * height) { output, count in
      for y in 0..<height {
        let row = start + stored(y) * line
        for x in 0..<width {
          let shift = 8 - bits * (x % perByte + 1)
          output[y * width + x] = bytes[row + x / perByte] >> UInt8(shift) & UInt8(1 << bits - 1)
        }
      }
      count = width * height
    }
  }

  /// Colours by their masks; levels of fewer bits are stretched to 255, rounded down as Pillow does.
  private func colours() -> Image {
    let line = (width * bits + 31) / 32 * 4
    let length = bits / 8
    let shifts = masks.map { UInt32($0.trailingZeroBitCount % 32) }
    let most = zip(masks, shifts).map { max(1, $0 >> $1) }
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { output, count in
      for y in 0..<height {
        var place = start + stored(y) * line
        for x in 0..<width {
          var value: UInt32 = 0
          for byte in 0..<length { value |= UInt32(bytes[place + byte]) << UInt32(8 * byte) }
          place += length
          for channel in 0..<3 {
            let level = (value & masks[channel]) >> shifts[channel]
            output[3 * (y * width + x) + channel] = UInt8(
              most[channel] == 255 ? level : UInt32(UInt64(level) * 255 / UInt64(most[channel])))
          }
        }
      }
      count = 3 * width * height
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  /// Runs: a count and a byte, of 8 bits or two pixels of 4; after a count of 0 the end of a row (0) or of all (1), a
  /// step (2), or so many pixels as they are. What is stepped over is 0; an end there must be.
  private func unrolled() throws -> [UInt8] {
    var result = [UInt8](repeating: 0, count: width * height)
    var (x, y, place) = (0, 0, start)
    func put(_ byte: UInt8, _ index: Int) {
      if x < width, y < height {
        let value = bits == 8 ? byte : index % 2 == 0 ? byte >> 4 : byte & 15
        result[stored(y) * width + x] = value
      }
      x += 1
    }
    scan: while place + 2 <= bytes.count, y < height {
      let (count, byte) = (Int(bytes[place]), bytes[place + 1])
      place += 2
      switch (count, byte) {
      case (0, 0): (x, y) = (0, y + 1)
      case (0, 1): return result
      case (0, 2):
        guard place + 2 <= bytes.count else { break scan }
        (x, y) = (x + Int(bytes[place]), y + Int(bytes[place + 1]))
        place += 2
      case (0, _):
        let length = bits == 8 ? Int(byte) : (Int(byte) + 1) / 2
        guard place + length <= bytes.count else { break scan }
        for index in 0..<Int(byte) { put(bytes[place + (bits == 8 ? index : index / 2)], index) }
        // They fill pairs of bytes.
        place += length + length % 2
      default:
        for index in 0..<count { put(byte, index) }
      }
    }
    guard y >= height || y == height - 1 && x >= width else {
      throw Self.fault("the file ends before the image does", name)
    }
    return result
  }

  private static func fault(_ text: String, _ name: String) -> ImageError {
    ImageError(name: name, fault: .damaged(.bmp, text))
  }
}
