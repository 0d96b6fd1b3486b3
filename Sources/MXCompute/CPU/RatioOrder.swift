/// Finds what would stand where if oscillation ratios were sorted, without a copy of them.
///
/// The bits of numbers that are not negative rise with the numbers: they are counted by their upper halves, and those that
/// share the upper half of a number that is looked for by their lower ones.
struct RatioOrder {
  private let track: MovementTrack
  private let ranges: [Range<Int>]
  private static let halves = 1 << 16

  init(_ track: MovementTrack, _ ranges: [Range<Int>]) {
    (self.track, self.ranges) = (track, ranges)
  }

  /// The numbers at some places of the sorted ones, at most a hundred.
  func values(_ places: [Int]) -> [Float] {
    var upper = [UInt32](repeating: 0, count: Self.halves)
    forEach { upper[Int($0 >> 16)] += 1 }
    let found = places.map { Self.bucket(of: $0, in: upper) }
    // Which of the counts below belongs to an upper half.
    var slots = [Int8](repeating: -1, count: Self.halves)
    var lower: [[UInt32]] = []
    for (half, _) in found where slots[half] < 0 {
      slots[half] = Int8(lower.count)
      lower.append([UInt32](repeating: 0, count: Self.halves))
    }
    forEach { bits in
      let slot = slots[Int(bits >> 16)]
      if slot >= 0 { lower[Int(slot)][Int(bits & 0xFFFF)] += 1 }
    }
    return found.map { half, place in
      let (rest, _) = Self.bucket(of: place, in: lower[Int(slots[half])])
      return Float(bitPattern: UInt32(half) << 16 | UInt32(rest))
    }
  }

  private func forEach(_ body: (UInt32) -> Void) {
    for range in ranges {
      for place in range { body(track.ratio(place).bitPattern) }
    }
  }

  /// The first of the counted buckets that reaches beyond a place, and the place within it.
  private static func bucket(of place: Int, in counts: [UInt32]) -> (bucket: Int, place: Int) {
    var left = place
    for (bucket, count) in counts.enumerated() {
      if left < count { return (bucket, left) }
      left -= Int(count)
    }
    preconditionFailure("place \(place) of fewer ratios")
  }
}
