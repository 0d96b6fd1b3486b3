import Foundation

/// A range of numbers along one side of a chart, with ticks at round values.
struct Axis {
  /// Where it begins and ends.
  let range: ClosedRange<Double>
  /// The values that are labelled.
  let ticks: [Double]

  /// The axis of some values, from tick to tick; a little room about a single value.
  ///
  /// - Parameter snaps: whether the ends are moved out to ticks; for x-axes that end with their data, no.
  init(_ values: [Double], includingZero: Bool = false, snaps: Bool = true, wanted: Int = 5) {
    var low = values.min() ?? 0
    var high = values.max() ?? 1
    if includingZero { (low, high) = (min(low, 0), max(high, 0)) }
    if high <= low {
      let room = low == 0 ? 1 : abs(low) * 0.1
      (low, high) = (low - room, high + room)
    }
    let step = Self.roundStep((high - low) / Double(wanted))
    if snaps {
      (low, high) = ((low / step).rounded(.down) * step, (high / step).rounded(.up) * step)
    }
    range = low...high
    let first = Int((low / step - 1e-9).rounded(.up))
    let last = Int((high / step + 1e-9).rounded(.down))
    ticks = first <= last ? (first...last).map { Double($0) * step } : []
  }

  /// 1, 2 or 5 times a power of ten, at least `raw`.
  private static func roundStep(_ raw: Double) -> Double {
    let power = pow(10, floor(log10(raw)))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? 10 * power
  }

  /// Where a value lies, 0 at the beginning and 1 at the end.
  func share(_ value: Double) -> Double {
    (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }
}
