/// The first image of a GIF file (CompuServe, GIF89a), as Pillow shows it: on the whole screen, in the colours of its
/// table, transparent or not.
///
/// giflib was considered and left: its interface is the layout of its structures, which a library that is looked for
/// only when it is needed does not promise.
struct GIFDecoder {
  private let bytes: [UInt8]
  private let name: String
  private var position = 13

  /// The screen, widened where the first image is larger.
  private(set) var width: Int
  private(set) var height: Int
  /// Three values a colour.
  private var colours: ArraySlice<UInt8> = []
  private var transparent: UInt8?
  private var frame = (x: 0, y: 0, width: 0, height: 0)
  private var isInterlaced = false

  /// Reads up to the pixels of the first image.
  ///
  /// - Throws: `ImageError`.
  init(_ bytes: [UInt8], name: String) throws {
    (self.bytes, self.name, width, height) = (bytes, name, 0, 0)
    guard bytes.count > 13 else { throw Self.end(name) }
    (width, height) = (number(at: 6), number(at: 8))
    colours = try table(flags: bytes[10])
    while try passBlock() {}
    width = max(width, frame.x + frame.width)
    height = max(height, frame.y + frame.height)
  }

  /// What the header claims. Twelve bits of LZW make no more than 4,096 pixels, and fewer bits fewer; what an image
  /// leaves of the screen needs no bytes.
  var header: ImageHeader {
    ImageHeader(
      width: width, height: height, channels: isGrey ? 1 : 3,
      fewestBytes: frame.width * frame.height / 2731, workingBytes: width * height + 1 << 15)
  }

  /// The pixels. Of a size that has been found allowable.
  func decoded() throws -> Image {
    var screen = [UInt8](repeating: transparent ?? 0, count: width * height)
    let indices = try LZW.decoded(
      data(), codeSize: Int(bytes[position]), count: frame.width * frame.height)
    guard let indices else {
      throw ImageError(name: name, fault: .damaged(.gif, "its pixels cannot be unpacked"))
    }
    var source = 0
    for row in rows {
      let start = (frame.y + row) * width + frame.x
      screen.replaceSubrange(
        start..<start + frame.width, with: indices[source..<source + frame.width])
      source += frame.width
    }
    if isGrey { return Image(width: width, height: height, channels: 1, pixels: screen) }
    return Image(width: width, height: height, palette: palette(colours), indices: screen)
  }

  /// Where the rows of the file belong.
  private var rows: [Int] {
    guard isInterlaced else { return Array(0..<frame.height) }
    return [(0, 8), (4, 8), (2, 4), (1, 2)].flatMap {
      Array(stride(from: $0.0, to: frame.height, by: $0.1))
    }
  }

  /// Without a table, or with one that is all steps of grey, an index is a level.
  private var isGrey: Bool {
    colours.enumerated().allSatisfy { Int($0.element) == $0.offset / 3 }
  }

  /// Passes one block; false at the pixels of the first image, which are `position`'s.
  private mutating func passBlock() throws -> Bool {
    guard position < bytes.count else { throw Self.end(name) }
    switch bytes[position] {
    case 0x21:
      // An extension; the one that controls graphics may name a transparent index.
      guard position + 8 < bytes.count else { throw Self.end(name) }
      if bytes[position + 1] == 0xF9, bytes[position + 2] == 4 {
        transparent = bytes[position + 3] & 1 == 1 ? bytes[position + 6] : nil
      }
      position += 2
      while bytes[position] > 0 {
        position += 1 + Int(bytes[position])
        guard position < bytes.count else { throw Self.end(name) }
      }
      position += 1
      return true
    case 0x2C:
      guard position + 10 < bytes.count else { throw Self.end(name) }
      frame = (
        number(at: position + 1), number(at: position + 3), number(at: position + 5),
        number(at: position + 7)
      )
      let flags = bytes[position + 9]
      isInterlaced = flags & 0x40 != 0
      position += 10
      let own = try table(flags: flags)
      if !own.isEmpty { colours = own }
      guard position < bytes.count else { throw Self.end(name) }
      return false
    case 0x3B: throw ImageError(name: name, fault: .damaged(.gif, "no image before its end"))
    default:
      // Some writers leave a byte between blocks.
      position += 1
      return true
    }
  }

  /// The table of colours that lies at `position`, empty where flags say there is none.
  private mutating func table(flags: UInt8) throws -> ArraySlice<UInt8> {
    guard flags & 0x80 != 0 else { return [] }
    let end = position + 3 << (Int(flags & 7) + 1)
    guard end <= bytes.count else { throw Self.end(name) }
    defer { position = end }
    return bytes[position..<end]
  }

  /// The compressed bytes, out of their blocks.
  private func data() throws -> [UInt8] {
    var result: [UInt8] = []
    var place = position + 1
    while place < bytes.count, bytes[place] > 0 {
      let end = min(bytes.count, place + 1 + Int(bytes[place]))
      result += bytes[place + 1..<end]
      place = end
    }
    return result
  }

  private func number(at place: Int) -> Int { Int(bytes[place]) | Int(bytes[place + 1]) << 8 }

  private static func end(_ name: String) -> ImageError {
    ImageError(name: name, fault: .damaged(.gif, "the file ends before the image does"))
  }
}
