import Foundation

/// A range of numbers along one side of a chart, with ticks at round values.
///
/// Total: of numbers that are not finite, it takes no notice, and what is too large or too close together to be told
/// apart gets an axis on which it lies somewhere.
package struct Axis {
  /// Where it begins and ends; finite, and not the same.
  package let range: ClosedRange<Double>
  /// The values that are labelled.
  package let ticks: [Double]
  /// Whether equal distances are equal ratios.
  package let isLogarithmic: Bool

  /// Differences and quotients of numbers up to here are finite.
  private static let largest = 1e300

  /// The axis of some values, from tick to tick; a little room about a single value.
  ///
  /// - Parameter snaps: whether the ends are moved out to ticks; for x-axes that end with their data, no.
  package init(
    _ values: [Double], includingZero: Bool = false, snaps: Bool = true, wanted: Int = 5
  ) {
    let finite = values.filter(\.isFinite).map { min(max($0, -Self.largest), Self.largest) }
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    if includingZero { (low, high) = (min(low, 0), max(high, 0)) }
    let magnitude = max(abs(low), abs(high))
    // Closer together, ticks would be no numbers of their own.
    if high - low <= max(magnitude * 1e-9, 1e-290) {
      let room = magnitude < 1e-280 ? 1 : magnitude * 0.1
      (low, high) = (low - room, high + room)
    }
    let step = Self.roundStep((high - low) / Double(wanted))
    if snaps {
      (low, high) = ((low / step).rounded(.down) * step, (high / step).rounded(.up) * step)
    }
    range = low...high
    isLogarithmic = false
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// The axis of some positive values on which equal distances are equal ratios, from tick to tick: 1, 2 and 5 times
  /// powers of ten; where these would be too many, powers of ten alone.
  package init(logarithmOf values: [Double]) {
    let positive = values.filter { $0.isFinite && $0 > 0 }.map {
      min(max($0, 1 / Self.largest), Self.largest)
    }
    let exponents = positive.map { Int(floor(log10($0) + 1e-9)) }
    let (first, last) = (exponents.min() ?? 0, exponents.max() ?? 0)
    let decades = first...last + 1
    // Of very many decades some.
    let every = (decades.count - 1) / 8 + 1
    let steps = last - first < 3 ? [1.0, 2, 5] : [1]
    let all = decades.flatMap { exponent in steps.map { $0 * pow(10, Double(exponent)) } }
    let least = positive.min() ?? 1, largest = positive.max() ?? 10
    let low = all.last { $0 <= least * (1 + 1e-9) } ?? all[0]
    let high = all.first { $0 >= largest * (1 - 1e-9) && $0 > low } ?? all[all.count - 1]
    range = low...high
    isLogarithmic = true
    ticks = all.filter(range.contains).enumerated().filter { $0.offset % every == 0 }
      .map(\.element)
  }

  /// 1, 2 or 5 times a power of ten, at least `raw`.
  private static func roundStep(_ raw: Double) -> Double {
    let power = pow(10, floor(log10(raw)))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? 10 * power
  }

  /// Where a value lies, 0 at the beginning and 1 at the end.
  package func share(_ value: Double) -> Double {
    let (low, high) = (range.lowerBound, range.upperBound)
    return isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }
}
