extension Image {
  /// Each pixel averaged with its eight neighbours, itself five times; the border stays (ImageFilter.SMOOTH).
  func smoothed() -> Image {
    if width < 3 || height < 3 { return self }
    let line = width * channels
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      _ = output.initialize(from: pixels)
      pixels.withUnsafeBufferPointer { pixels in
        for y in 1..<height - 1 {
          for index in y * line + channels..<(y + 1) * line - channels {
            var sum = 4 * Int32(pixels[index])
            for row in [index - line, index, index + line] {
              sum += Int32(pixels[row - channels]) + Int32(pixels[row])
              sum += Int32(pixels[row + channels])
            }
            // Rounded: (sum + 6.5) / 13 in whole numbers.
            output[index] = UInt8(truncatingIfNeeded: (2 * sum + 13) / 26)
          }
        }
      }
      count = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }

  /// Three extended box blurs along rows, then three along columns, each rounded to 8 bits (Gwosdek et al., "Theoretical
  /// Foundations of Gaussian Convolution by Extended Box Filtering", 2011): boxes whose ends count in part, of the width
  /// that gives them together the variance radius².
  func gaussianBlurred(_ radius: Double) -> Image {
    if radius <= 0 { return self }
    let passes = 3
    // In single precision, as Pillow: the last bit of a weight decides which way all ties of an
    // image are rounded.
    let variance = Float(radius) * Float(radius) / Float(passes)
    let length = Float((12 * Double(variance) + 1).squareRoot())
    let whole = ((length - 1) / 2).rounded(.down)
    let excess = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    let reach = whole + excess / (6 * (variance - (whole + 1) * (whole + 1)))
    var result = pixels
    for (count, lines, step, lineStep) in [
      (width, height, channels, width * channels), (height, width, width * channels, channels),
    ] {
      for _ in 0..<passes {
        result = result.withUnsafeBufferPointer { input in
          [UInt8](unsafeUninitializedCapacity: pixels.count) { output, filled in
            for line in 0..<lines {
              for channel in 0..<channels {
                let start = line * lineStep + channel
                Self.boxBlur(
                  input.baseAddress! + start, output.baseAddress! + start, count, step, reach)
              }
            }
            filled = pixels.count
          }
        }
      }
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }

  /// One line of `count` values, `step` apart: each becomes the mean of what lies within ±`radius` + ½, edges repeated.
  private static func boxBlur(
    _ input: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>, _ count: Int, _ step: Int,
    _ radius: Float
  ) {
    let whole = Int(radius)
    // In 24-bit fixed point, as sums that go along the line must not drift.
    let full = Int(Float(1 << 24) / (radius * 2 + 1))
    let part = ((1 << 24) - (2 * whole + 1) * full) / 2
    func value(_ index: Int) -> Int { Int(input[min(max(index, 0), count - 1) * step]) }
    var sum = (-whole...whole).reduce(0) { $0 + value($1) }
    for index in 0..<count {
      let ends = value(index - whole - 1) + value(index + whole + 1)
      output[index * step] = UInt8(truncatingIfNeeded: (sum * full + ends * part + 1 << 23) >> 24)
      sum += value(index + whole + 1) - value(index - whole)
    }
  }
}
