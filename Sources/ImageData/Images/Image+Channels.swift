extension Image {
  /// The image in `wanted` channels (1 or 3): grey is repeated three times, colours become luma with
  /// the weights of ITU-R 601 (0.299, 0.587, 0.114) in 16-bit fixed point, rounded as Pillow rounds.
  package func converted(channels wanted: Int) -> Image {
    if wanted == channels { return self }
    var result = [UInt8]()
    result.reserveCapacity(width * height * wanted)
    if wanted == 3 {
      for value in pixels {
        result.append(value)
        result.append(value)
        result.append(value)
      }
    } else {
      for start in stride(from: 0, to: pixels.count, by: 3) {
        let red = UInt32(pixels[start])
        let green = UInt32(pixels[start + 1])
        let blue = UInt32(pixels[start + 2])
        // The weights add up to 65536, so the quotient is at most 255.
        result.append(UInt8((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16))
      }
    }
    return Image(width: width, height: height, channels: wanted, pixels: result)
  }
}
