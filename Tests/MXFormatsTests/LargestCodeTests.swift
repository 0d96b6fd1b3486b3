import Testing

import MXFormats

@Suite("What a scale rule leaves behind in the largest code of a group")
struct LargestCodeTests {
  /// Fractions of a significand: both ends, both sides of every threshold, and some between.
  private static let fractions: [UInt32] =
    stride(from: 0, to: 1 << 23, by: 4099).map { UInt32($0) }
    + ScaleRule.allCases.flatMap { rule in
      [ElementFormat.e2m1, .e3m0].flatMap { format -> [UInt32] in
        let threshold = rule.fractionThreshold(format)
        return [threshold, (threshold + 1) & (1 << 23 - 1)]
      }
    } + [1 << 23 - 1]

  @Test(
    "is what the definition makes of every magnitude", arguments: ScaleRule.allCases,
    [ElementFormat.e2m1, .e3m0])
  func definition(rule: ScaleRule, format: ElementFormat) {
    var (nearest, either): (Set<UInt8>, Set<UInt8>) = ([], [])
    for fraction in Self.fractions {
      let maximum = Float(sign: .plus, exponentBitPattern: 130, significandBitPattern: fraction)
      let ratio = maximum / rule.scale(maximum: maximum, format: format).value
      #expect(rule.largestRatios(format).contains(ratio))
      for decision in [RoundingDecision.nearestEven, .nearestAway] {
        nearest.insert(format.magnitudeCode(of: ratio, decision))
      }
      for average in [-Float.infinity, .infinity] {
        either.insert(format.magnitudeCode(of: ratio, .ema(average)))
      }
    }
    #expect(Set(rule.largestCodes(format, nearest: true)) == nearest)
    #expect(Set(rule.largestCodes(format, nearest: false)) == either)
  }

  @Test("has shares that add up, and that the paper's rule has for 3, 4 and 6")
  func shares() {
    for rule in ScaleRule.allCases {
      let sum = (UInt8(0)...7).reduce(0) { $0 + rule.share(of: $1, .e2m1) }
      #expect(abs(sum - 1) < 1e-5, "\(rule)")
    }
    // log2 of 3.5/3, 5/3.5 and 6/5.
    let found = [5, 6, 7].map { ScaleRule.truncationFree.share(of: $0, .e2m1) }
    for (share, expected) in zip(found, [0.222392, 0.514573, 0.263034]) {
      #expect(abs(share - expected) < 1e-5)
    }
  }
}
