extension ImageOrientation {
  /// What an EXIF block says, which is a TIFF header and a directory of tags, perhaps behind "Exif"; nil where it has
  /// no such tag.
  init?(exif block: ArraySlice<UInt8>) {
    let prefix = Array("Exif\0\0".utf8)
    let tiff = block.starts(with: prefix) ? block.dropFirst(prefix.count) : block
    guard let value = TagDirectory(tiff)?[0x0112] else { return nil }
    // A number that makes no sense is one all the same: no other place is asked.
    self = Self(rawValue: value) ?? .upright
  }

  /// What an XMP packet says, as an attribute or an element `tiff:Orientation`; nil where it does not.
  init?(xmp packet: ArraySlice<UInt8>) {
    let name = Array("tiff:Orientation".utf8)
    var rest = packet
    while let start = rest.firstIndex(of: name[0]) {
      rest = rest[start...]
      if rest.starts(with: name) {
        let value = rest.dropFirst(name.count)
        for opening in ["=\"", ">"] where value.starts(with: opening.utf8) {
          guard let digit = value.dropFirst(opening.utf8.count).first,
            let orientation = Self(rawValue: Int(digit) - 0x30)
          else { continue }
          self = orientation
          return
        }
      }
      rest = rest.dropFirst()
    }
    return nil
  }

  /// The orientation that a JPEG file names, in EXIF or else in XMP; upright where it does not, or makes no sense.
  ///
  /// Either lies in an APP1 segment, the first of its kind.
  init(ofJPEG bytes: [UInt8]) {
    var text: ImageOrientation?
    var position = 2
    // Segments: FF, marker, two bytes of length that count themselves. Pixels follow FF DA.
    while position + 4 <= bytes.count, bytes[position] == 0xFF, bytes[position + 1] != 0xDA {
      // Any number of FF may stand before a marker.
      if bytes[position + 1] == 0xFF {
        position += 1
        continue
      }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard length >= 2, position + 2 + length <= bytes.count else { break }
      let content = bytes[position + 4..<position + 2 + length]
      if bytes[position + 1] == 0xE1 {
        if content.starts(with: "Exif\0\0".utf8), let found = ImageOrientation(exif: content) {
          self = found
          return
        }
        if text == nil, content.starts(with: "http://ns.adobe.com/xap/1.0/\0".utf8) {
          text = ImageOrientation(xmp: content)
        }
      }
      position = content.endIndex
    }
    self = text ?? .upright
  }
}
