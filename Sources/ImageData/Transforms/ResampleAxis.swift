/// How the pixels of one axis are weighed when it is resized: bicubic (a = −½) with antialiasing.
///
/// When the axis shrinks, the kernel is stretched by the ratio, so that every source pixel counts.
/// Weights are 22-bit fixed point and sums 32-bit, as Pillow has them: results equal those of Pillow
/// 11's `resize(…, BICUBIC)` to the bit. (Pillow 13 takes the vertical pass first for some tall images,
/// which moves a few values by a level.)
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

  /// Resizes an axis of `length` pixels to `target`, and keeps the middle `keeping` of them.
  init(from length: Int, to target: Int, keeping: Int) {
    isIdentity = length == target && keeping == target
    windows.reserveCapacity(keeping)
    let scale = Double(length) / Double(target)
    let stretch = max(scale, 1)
    let support = 2 * stretch
    let first = (target - keeping) / 2
    for output in first..<first + keeping {
      let center = (Double(output) + 0.5) * scale
      let start = max(0, Int(center - support + 0.5))
      let end = max(start + 1, min(length, Int(center + support + 0.5)))
      let values = (start..<end).map {
        Self.kernel((Double($0) - center + 0.5) * (1 / stretch))
      }
      let share = 1 / values.reduce(0, +)
      let begin = weights.count
      for value in values {
        let fixed = value * share * Double(1 << Self.precision)
        weights.append(Int32(fixed.rounded(.toNearestOrAwayFromZero)))
      }
      windows.append(Window(start: start, weights: begin..<weights.count))
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

  /// One row of interleaved pixels, resized horizontally.
  func gather(
    from input: UnsafePointer<UInt8>, to output: UnsafeMutablePointer<UInt8>, channels: Int
  ) {
    weights.withUnsafeBufferPointer { weights in
      for (x, window) in windows.enumerated() {
        let factors = UnsafeBufferPointer(rebasing: weights[window.weights])
        for channel in 0..<channels {
          var sum = Self.half
          var source = input + window.start * channels + channel
          for factor in factors {
            sum &+= factor &* Int32(source.pointee)
            source += channels
          }
          output[x * channels + channel] = Self.rounded(sum)
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
