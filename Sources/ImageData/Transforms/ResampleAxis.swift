/// How the pixels of one axis are weighed when it is resized: bicubic (a = −½) with antialiasing.
///
/// When the axis shrinks, the kernel is stretched by the ratio, so that every source pixel counts.
/// Weights are 22-bit fixed point and sums 32-bit, as Pillow has them: results equal those of Pillow
/// 11's `resize(…, BICUBIC)` to the bit. (Pillow 13 takes the vertical pass first for some tall images,
/// which moves one value in 2,000 of such a photograph, sharp edges by up to 7 levels.)
struct ResampleAxis {
  /// The source pixels that one output pixel is made of.
  struct Window {
    let start: Int
    let weights: Range<Int>
  }

  /// One window an output pixel.
  private(set) var windows: [Window] = []
  private var weights: [Int32] = []
  /// Whether the output is the source, pixel by pixel.
  let isIdentity: Bool

  private static let precision: Int32 = 22

  /// Resizes what lies between `lower` and `upper` on an axis of `length` pixels to `target` pixels, and keeps some of
  /// them. Pixels outside of what is resized count only where its ends lie within them.
  init(
    from lower: Double, to upper: Double, within length: Int, target: Int, keeping kept: Range<Int>
  ) {
    isIdentity =
      lower == 0 && upper == Double(length) && length == target && kept == 0..<target
    windows.reserveCapacity(kept.count)
    let offset = Int(lower)
    let limit = min(Int(upper.rounded(.up)), length) - offset
    let scale = (upper - lower) / Double(target)
    let stretch = max(scale, 1)
    let support = 2 * stretch
    for output in kept {
      let center = lower - Double(offset) + (Double(output) + 0.5) * scale
      let start = min(max(0, Int(center - support + 0.5)), limit - 1)
      let end = max(start + 1, min(limit, Int(center + support + 0.5)))
      let values = (start..<end).map {
        Self.kernel((Double($0) - center + 0.5) * (1 / stretch))
      }
      let share = 1 / values.reduce(0, +)
      let begin = weights.count
      for value in values {
        let fixed = value * share * Double(1 << Self.precision)
        weights.append(Int32(fixed.rounded(.toNearestOrAwayFromZero)))
      }
      windows.append(Window(start: offset + start, weights: begin..<weights.count))
    }
  }

  /// The source pixels that any output pixel looks at.
  var sources: Range<Int> {
    let starts = windows.map(\.start)
    let ends = windows.map { $0.start + $0.weights.count }
    return (starts.min() ?? 0)..<(ends.max() ?? 0)
  }

  /// Keys' cubic convolution kernel with a = −½; 0 from distance 2 on.
  private static func kernel(_ distance: Double) -> Double {
    let x = abs(distance)
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * -0.5 }
    return 0
  }

  /// Rows of `width` interleaved pixels, resized horizontally.
  func gather(
    from input: UnsafePointer<UInt8>, width: Int, rows: Int, to output: UnsafeMutablePointer<UInt8>,
    channels: Int
  ) {
    weights.withUnsafeBufferPointer { weights in
      windows.withUnsafeBufferPointer { windows in
        for row in 0..<rows {
          let input = input + row * width * channels
          var output = output + row * windows.count * channels
          for window in windows {
            var source = input + window.start * channels
            // The colours of a pixel share its weight.
            if channels == 3 {
              var (red, green, blue) = (Self.half, Self.half, Self.half)
              for index in window.weights {
                let factor = weights[index]
                red &+= factor &* Int32(source[0])
                green &+= factor &* Int32(source[1])
                blue &+= factor &* Int32(source[2])
                source += 3
              }
              output[0] = Self.rounded(red)
              output[1] = Self.rounded(green)
              output[2] = Self.rounded(blue)
            } else {
              var sum = Self.half
              for index in window.weights {
                sum &+= weights[index] &* Int32(source.pointee)
                source += 1
              }
              output[0] = Self.rounded(sum)
            }
            output += channels
          }
        }
      }
    }
  }

  /// All rows of `line` values, resized vertically; `input` starts with source row `firstRow`.
  func blend(
    from input: UnsafePointer<UInt8>, firstRow: Int, to output: UnsafeMutablePointer<UInt8>,
    line: Int
  ) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: line) { sums in
      let sums = sums.baseAddress!
      for (y, window) in windows.enumerated() {
        sums.update(repeating: Self.half, count: line)
        for (position, index) in window.weights.enumerated() {
          let factor = weights[index]
          let row = input + (window.start - firstRow + position) * line
          for x in 0..<line { sums[x] &+= factor &* Int32(row[x]) }
        }
        let result = output + y * line
        for x in 0..<line { result[x] = Self.rounded(sums[x]) }
      }
    }
  }

  private static let half: Int32 = 1 << (precision - 1)

  /// A fixed-point sum as an 8-bit value; over- and undershoot are cut off.
  private static func rounded(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(sum >> precision, 0), 255))
  }
}
