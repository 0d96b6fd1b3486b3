/// How two methods differ over the same seeds: equal seeds mean equal initial weights and the same images in the same
/// order, so the differences spread less than the methods do.
package struct PairedDifference: Sendable, Equatable {
  /// The differences: their mean, how they spread, and how many there are.
  package let estimate: Estimate
  /// How probable a mean at least as far from zero is where each difference might as well have the other sign (Fisher's
  /// randomization test): exact up to 20 pairs, and of a million random signs beyond.
  package let signFlipProbability: Double

  /// The differences of one method's values and a baseline's; nil where they have no seed in common.
  ///
  /// - Parameters:
  ///   - own: by seed.
  ///   - baseline: by seed.
  package init?(_ own: [Int: Double], minus baseline: [Int: Double]) {
    let seeds = own.keys.filter { baseline[$0] != nil }.sorted()
    self.init(differences: seeds.map { own[$0]! - baseline[$0]! })
  }

  /// From the differences themselves; nil where there are none.
  package init?(differences: [Double]) {
    guard let estimate = Estimate(differences) else { return nil }
    self.estimate = estimate
    signFlipProbability = Self.signFlips(differences)
  }

  /// Whether the 95 % interval of the mean leaves out zero; false where a single pair says nothing on that.
  package var isSeparate: Bool {
    estimate.halfInterval.map { abs(estimate.mean) > $0 } ?? false
  }

  /// How many pairs a t-test of 5 % would need to find a difference of this mean and spread with a probability; nil where
  /// there is none to find, nothing is known of the spread, or a million would not do.
  package func pairsNeeded(power: Double = 0.8) -> Int? {
    guard let deviation = estimate.deviation, estimate.mean != 0 else { return nil }
    guard deviation > 0 else { return 2 }
    let effect = abs(estimate.mean) / deviation
    func isEnough(_ count: Int) -> Bool {
      PairedTest(pairs: count).power(effect: effect) >= power
    }
    var enough = 2
    while !isEnough(enough) {
      guard enough < 1_000_000 else { return nil }
      enough *= 2
    }
    // More pairs never find less.
    var (low, high) = (enough / 2, enough)
    while high - low > 1 {
      let middle = (low + high) / 2
      if isEnough(middle) { high = middle } else { low = middle }
    }
    return high
  }

  private static let mostExact = 20

  private static func signFlips(_ differences: [Double]) -> Double {
    let sum = differences.reduce(0, +)
    // Sums of other orders differ in their last digits.
    let least = abs(sum) * (1 - 1e-9)
    func isAsFar(_ isFlipped: (Int) -> Bool) -> Bool {
      var sum = 0.0
      for (index, difference) in differences.enumerated() {
        sum += isFlipped(index) ? -difference : difference
      }
      return abs(sum) >= least
    }
    if differences.count <= mostExact {
      let all = 1 << differences.count
      return Double((0..<all).count { signs in isAsFar { signs >> $0 & 1 == 1 } }) / Double(all)
    }
    var random = SplitMix64()
    let draws = 1_000_000
    // The signs that were found are possible ones, too.
    let count = (0..<draws).count { _ in isAsFar { _ in random.next() & 1 == 1 } }
    return Double(count + 1) / Double(draws + 1)
  }
}

/// Random bits that are the same each time (Steele, Lea and Flood 2014).
private struct SplitMix64 {
  private var state: UInt64 = 0

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }
}
