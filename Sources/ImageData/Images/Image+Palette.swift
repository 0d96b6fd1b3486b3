extension Image {
  /// The image of 3 channels whose pixels have the colours, of three values each, that `palette` has at their indices:
  /// all 256.
  init(width: Int, height: Int, palette: [UInt8], indices: [UInt8]) {
    precondition(palette.count == 768, "\(palette.count) values in a palette")
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * indices.count) { output, count in
      palette.withUnsafeBufferPointer { palette in
        for (place, index) in indices.enumerated() {
          for channel in 0..<3 { output[3 * place + channel] = palette[3 * Int(index) + channel] }
        }
      }
      count = 3 * indices.count
    }
    self.init(width: width, height: height, channels: 3, pixels: pixels)
  }
}

/// A whole palette that starts with these colours; indices behind them are levels of grey, as in Pillow.
func palette(_ colours: some Sequence<UInt8>) -> [UInt8] {
  var result = (0..<768).map { UInt8($0 / 3) }
  for (place, value) in colours.prefix(768).enumerated() { result[place] = value }
  return result
}
