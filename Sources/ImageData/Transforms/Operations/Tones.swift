/// Operations that look at one value of one channel at a time: tables of 256 values.
enum Tone {
  /// The table that stretches a histogram's range to 0…255; the identity where it has one value.
  static func autoContrast(_ histogram: [Int]) -> [UInt8] {
    guard let low = histogram.firstIndex(where: { $0 > 0 }),
      let high = histogram.lastIndex(where: { $0 > 0 }), high > low
    else { return Array(0...255) }
    let scale = 255 / Double(high - low)
    return (0..<256).map { UInt8(max(0, min(255, Int(Double($0) * scale - Double(low) * scale)))) }
  }

  /// The table that evens out a histogram; the identity where it has few values.
  static func equalize(_ histogram: [Int]) -> [UInt8] {
    let last = histogram.last { $0 > 0 } ?? 0
    let step = (histogram.reduce(0, +) - last) / 255
    guard step > 0 else { return Array(0...255) }
    var sum = step / 2
    return histogram.map { count in
      defer { sum += count }
      return UInt8(min(255, sum / step))
    }
  }

  /// `from` + factor · (`to` − `from`), cut off at 0 and 255, fractions dropped (Image.blend).
  @inline(__always)
  static func blend(from: Int, to: Int, _ factor: Float) -> Int {
    Int(min(max(Float(from) + factor * Float(to - from), 0), 255))
  }
}

extension Image {
  /// How often each value occurs in each channel.
  func histograms() -> [[Int]] {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: 256), count: channels)
    for channel in 0..<channels {
      counts[channel].withUnsafeMutableBufferPointer { counts in
        pixels.withUnsafeBufferPointer { pixels in
          for index in stride(from: channel, to: pixels.count, by: channels) {
            counts[Int(pixels[index])] += 1
          }
        }
      }
    }
    return counts
  }

  /// Every value of channel c replaced by what table c says.
  func mapped(_ tables: [[UInt8]]) -> Image {
    let flat = tables.flatMap { $0 }
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      flat.withUnsafeBufferPointer { table in
        pixels.withUnsafeBufferPointer { pixels in
          for start in stride(from: 0, to: pixels.count, by: channels) {
            for channel in 0..<channels {
              output[start + channel] = table[256 * channel + Int(pixels[start + channel])]
            }
          }
        }
      }
      count = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }

  /// Every value v replaced by `function(v)`, the same in all channels.
  func mapped(_ function: (Int) -> Int) -> Image {
    let table = (0..<256).map { UInt8(function($0)) }
    return mapped([[UInt8]](repeating: table, count: channels))
  }

  /// The mean luma, rounded.
  func meanLuma() -> Int {
    let luma = converted(channels: 1).pixels
    return Int(Double(luma.reduce(0) { $0 + Int($1) }) / Double(luma.count) + 0.5)
  }

  /// The image laid over another of its size: `other` + factor · (image − `other`).
  func blended(over other: Image, _ factor: Double) -> Image {
    let factor = Float(factor)
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      pixels.withUnsafeBufferPointer { pixels in
        other.pixels.withUnsafeBufferPointer { other in
          for index in 0..<pixels.count {
            output[index] = UInt8(
              Tone.blend(from: Int(other[index]), to: Int(pixels[index]), factor))
          }
        }
      }
      count = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }
}
