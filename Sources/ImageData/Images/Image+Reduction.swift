extension Image {
  /// A `factor`-th of the image's width and height, rounded up: each pixel the mean of the `factor`
  /// × `factor` pixels that lie there, of fewer at the right and the lower end.
  func reduced(by factor: Int) -> Image {
    let (columns, rows) = ((width + factor - 1) / factor, (height + factor - 1) / factor)
    let result = [UInt8](unsafeUninitializedCapacity: columns * rows * channels) { output, count in
      for y in 0..<rows {
        let lines = y * factor..<min(height, (y + 1) * factor)
        for x in 0..<columns {
          let places = x * factor..<min(width, (x + 1) * factor)
          for channel in 0..<channels {
            var sum = 0
            for line in lines {
              for place in places {
                sum += Int(pixels[(line * width + place) * channels + channel])
              }
            }
            let area = lines.count * places.count
            output[(y * columns + x) * channels + channel] = UInt8((sum + area / 2) / area)
          }
        }
      }
      count = columns * rows * channels
    }
    return Image(width: columns, height: rows, channels: channels, pixels: result)
  }
}
