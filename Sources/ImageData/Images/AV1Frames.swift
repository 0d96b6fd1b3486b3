/// How large the AV1 pictures in an AVIF file say that they are (ISO/IEC 14496-12, 23008-12; AV1, 5.5.1).
///
/// The file says it twice, in its boxes and in what is compressed. libheif looks at the first before it begins, while
/// its decoders set memory aside for the second.
struct AV1Frames {
  /// The pixels of the largest picture by the boxes (`ispe`) and by what is compressed; 0 where nothing is said.
  private(set) var claimedByBoxes = 0
  private(set) var claimedByPictures = 0

  private let bytes: [UInt8]

  /// Looks through a file. What is damaged is passed over: whether it can be read, the library says.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    for meta in boxes(in: 0..<bytes.count) where meta.kind == "meta" {
      for box in boxes(in: meta.content.dropFirst(4)) {
        if box.kind == "iloc" { readLocations(box.content) }
        guard box.kind == "iprp" else { continue }
        for list in boxes(in: box.content) where list.kind == "ipco" {
          for size in boxes(in: list.content) where size.kind == "ispe" {
            let start = size.content.lowerBound
            guard let width = number(start + 4, 4), let height = number(start + 8, 4) else {
              continue
            }
            let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
            claimedByBoxes = max(claimedByBoxes, overflow ? .max : pixels)
          }
        }
      }
    }
  }

  /// The boxes in a part of the file: four letters, and where their content is.
  private func boxes(in part: Range<Int>) -> [(kind: String, content: Range<Int>)] {
    var found: [(String, Range<Int>)] = []
    var start = part.lowerBound
    while let length = number(start, 4), start + 8 <= part.upperBound {
      let isLong = length == 1
      let whole =
        isLong ? number(start + 8, 8) ?? 0 : length == 0 ? part.upperBound - start : length
      let head = isLong ? 16 : 8
      guard whole >= head, whole <= part.upperBound - start else { break }
      let kind = String(decoding: bytes[start + 4..<start + 8], as: UTF8.self)
      found.append((kind, start + head..<start + whole))
      start += whole
    }
    return found
  }

  /// Looks at the start of every item.
  private mutating func readLocations(_ content: Range<Int>) {
    var place = content.lowerBound
    func next(_ count: Int) -> Int? {
      guard place + count <= content.upperBound, let value = number(place, count) else {
        return nil
      }
      place += count
      return value
    }
    guard let version = next(1), version <= 2, next(3) != nil, let sizes = next(2),
      let items = next(version < 2 ? 2 : 4)
    else { return }
    let (offsetSize, lengthSize) = (sizes >> 12, sizes >> 8 & 15)
    let (baseSize, indexSize) = (sizes >> 4 & 15, version == 0 ? 0 : sizes & 15)
    var extentsLeft = Self.mostExtents
    for _ in 0..<items {
      guard next(version < 2 ? 2 : 4) != nil, version == 0 || next(2) != nil, next(2) != nil,
        let base = next(baseSize), let extents = next(2)
      else { return }
      for _ in 0..<extents {
        extentsLeft -= 1
        guard extentsLeft >= 0, next(indexSize) != nil, let offset = next(offsetSize),
          let length = next(lengthSize)
        else { return }
        let (start, overflow) = base.addingReportingOverflow(offset)
        guard !overflow, start < bytes.count else { continue }
        let rest = bytes.count - start
        readUnits(start..<start + (length == 0 ? rest : min(length, rest)))
      }
    }
  }

  /// So many pieces of items are looked at, and units at the start of each: a file of a few kilobytes could name more
  /// than anybody waits for.
  private static let mostExtents = 4096
  private static let mostUnits = 16

  /// Goes through open bitstream units, to the sequence headers among them.
  private mutating func readUnits(_ part: Range<Int>) {
    var place = part.lowerBound
    for _ in 0..<Self.mostUnits where place < part.upperBound {
      let head = bytes[place]
      // A bit that is 0; the kind; whether a byte more and whether a length follows; a bit that is 0.
      guard head & 0x81 == 0 else { return }
      place += head & 4 == 0 ? 1 : 2
      var length = head & 2 == 0 ? part.upperBound - place : 0
      if head & 2 != 0 {
        var shift = 0
        while true {
          guard place < part.upperBound, shift < 35 else { return }
          let byte = bytes[place]
          length |= Int(byte & 0x7F) << shift
          (shift, place) = (shift + 7, place + 1)
          if byte < 0x80 { break }
        }
      }
      if head >> 3 == 1, place < part.upperBound {
        var bits = Bits(bytes[place..<part.upperBound])
        if let pixels = Self.pixels(&bits) { claimedByPictures = max(claimedByPictures, pixels) }
      }
      guard length <= part.upperBound - place else { return }
      place += length
    }
  }

  /// The pixels of the largest frame of a sequence; nil where its header ends too early.
  private static func pixels(_ bits: inout Bits) -> Int? {
    // Profile, and whether it is one still picture.
    bits.skip(4)
    if bits.next(1) == 1 {
      bits.skip(5)
    } else {
      var delayLength = 0
      if bits.next(1) == 1 {
        bits.skip(64)
        if bits.next(1) == 1 { bits.skipVariable() }
        if bits.next(1) == 1 {
          delayLength = bits.next(5) + 1
          bits.skip(42)
        }
      }
      let hasDisplayDelay = bits.next(1) == 1
      for _ in 0...bits.next(5) {
        bits.skip(12)
        if bits.next(5) > 7 { bits.skip(1) }
        if delayLength > 0, bits.next(1) == 1 { bits.skip(2 * delayLength + 1) }
        if hasDisplayDelay, bits.next(1) == 1 { bits.skip(4) }
      }
    }
    let (columns, rows) = (bits.next(4) + 1, bits.next(4) + 1)
    let pixels = (bits.next(columns) + 1) * (bits.next(rows) + 1)
    return bits.isOver ? nil : pixels
  }

  /// An unsigned number of some bytes, 0 of none; nil where it lies outside or is too large.
  private func number(_ place: Int, _ count: Int) -> Int? {
    guard place >= 0, place <= bytes.count - count else { return nil }
    let value = bytes[place..<place + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return value < 1 << 48 ? Int(value) : nil
  }

  /// Bits from the highest of the first byte on; 0 behind the end.
  private struct Bits {
    private let bytes: ArraySlice<UInt8>
    private var place = 0

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var isOver: Bool { place > 8 * bytes.count }

    mutating func skip(_ count: Int) { place += count }

    mutating func next(_ count: Int) -> Int {
      var value = 0
      for _ in 0..<count {
        let byte = place / 8 < bytes.count ? bytes[bytes.startIndex + place / 8] : 0
        value = value << 1 | Int(byte >> (7 - place % 8) & 1)
        place += 1
      }
      return value
    }

    /// A number with as many zeros before it as it has bits.
    mutating func skipVariable() {
      var zeros = 0
      while !isOver, next(1) == 0 { zeros += 1 }
      skip(min(zeros, 32))
    }
  }
}
