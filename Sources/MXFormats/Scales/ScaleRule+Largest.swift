/// What a scale rule leaves behind in the codes: the largest element of a group, from which the scale follows, is within a
/// factor of two of the rule's τ, and only some codes are.
extension ScaleRule {
  /// The largest magnitudes over the scale, M/S, that a group can have: from just above τ/2 (for `floor` and `ceil` from
  /// or above a power of two) to τ. (Groups whose scale is the smallest that there is can have less.)
  package func largestRatios(_ format: ElementFormat) -> ClosedRange<Float> {
    let threshold = fractionThreshold(format)
    let all = UInt32(1) << Float.significandBitCount - 1
    let binade = E8M0.power(format.maximumExponent)
    func number(_ fraction: UInt32) -> Float {
      Float(sign: .plus, exponentBitPattern: 127, significandBitPattern: fraction)
    }
    // Where no fraction raises the exponent, none is brought below the binade.
    let least = threshold == all ? binade : number(threshold + 1) * binade / 2
    return least...number(threshold) * binade
  }

  /// The magnitude codes that the largest element of a group can get.
  ///
  /// - Parameter nearest: whether elements round to the nearer neighbour, ties to whichever; else to either one.
  package func largestCodes(_ format: ElementFormat, nearest: Bool) -> ClosedRange<UInt8> {
    let ratios = largestRatios(format)
    // The first bits round up whatever is above its lower neighbour, the last ones down.
    let (down, up): (RoundingDecision, RoundingDecision) =
      nearest ? (.nearestEven, .nearestAway) : (.ema(-.infinity), .ema(.infinity))
    let ends = [ratios.lowerBound, ratios.upperBound].flatMap { ratio in
      [down, up].map { format.magnitudeCode(of: ratio, $0) }
    }
    return ends.min()!...ends.max()!
  }

  /// The share of groups whose largest element gets a code by rounding to the nearest, where log M spreads evenly.
  package func share(of code: UInt8, _ format: ElementFormat) -> Double {
    let ratios = largestRatios(format)
    func magnitude(_ code: UInt8) -> Float { format.magnitude(of: code) }
    let lower = code == 0 ? 0 : (magnitude(code - 1) + magnitude(code)) / 2
    let upper =
      code == format.largestCode ? .infinity : (magnitude(code) + magnitude(code + 1)) / 2
    let (from, to) = (max(lower, ratios.lowerBound), min(upper, ratios.upperBound))
    return from < to ? Self.binaryLogarithm(of: Double(to / from)) : 0
  }

  /// log2 x for 1 ≤ x ≤ 2, to some seven digits: squares, whose exponents are the digits. (This module imports nothing.)
  private static func binaryLogarithm(of x: Double) -> Double {
    var (rest, digit, sum) = (x, 1.0, 0.0)
    for _ in 0..<24 {
      if rest >= 2 {
        sum += digit
        rest /= 2
      }
      rest *= rest
      digit /= 2
    }
    return sum
  }
}
