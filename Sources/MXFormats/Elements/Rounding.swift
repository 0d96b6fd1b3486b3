/// How a scaled magnitude is brought onto the grid between its two neighbours q1 ≤ |x|/S < q2.
///
/// Source: the paper's section 3.2; Documentation/Numerics.md, section 3.
public enum Rounding: String, CaseIterable, Sendable {
  /// To the nearer neighbour, ties to the one with the even code. The default of the OCP specification
  /// and of hardware converters.
  case nearestEven = "nearest-even"
  /// To the nearer neighbour, ties to the larger magnitude.
  case nearestAway = "nearest-away"
  /// To q2 with probability (|x|/S − q1)/(q2 − q1), decided by 16 random bits: unbiased to 2⁻¹⁷ of
  /// the gap, and exact values stay what they are.
  case stochastic
  /// To the neighbour nearer to the moving average of the value (Q-EMA, the paper's Algorithm 1).
  case ema
}

/// What a rounding needs to know of an element besides its scaled magnitude.
public enum RoundingDecision: Sendable {
  /// `Rounding.nearestEven`.
  case nearestEven
  /// `Rounding.nearestAway`.
  case nearestAway
  /// `Rounding.stochastic` with its random bits.
  case stochastic(UInt16)
  /// `Rounding.ema` with w′ = sign(w)·w_EMA/S.
  case ema(Float)
}

extension ElementFormat {
  /// The magnitude code 0…`largestCode` of y = |x|/S ≥ 0.
  ///
  /// Values at or above the maximum saturate there, whatever the rounding. The slow definition: a search
  /// of the grid. All comparisons are exact, because the neighbours, their midpoint and y − q1 are
  /// single-precision numbers.
  public func magnitudeCode(of y: Float, _ rounding: RoundingDecision) -> UInt8 {
    precondition(y >= 0, "a magnitude, not \(y)")
    // w = 0 gives 0 under Q-EMA, and exact zeros stay zeros under all others.
    if y == 0 { return 0 }
    if y >= maximum { return largestCode }
    // magnitude(of: lower) ≤ y < magnitude(of: above), closer and closer.
    var (lower, above) = (UInt8(0), largestCode)
    while above - lower > 1 {
      let middle = lower + (above - lower) / 2
      if magnitude(of: middle) > y { above = middle } else { lower = middle }
    }
    let q1 = magnitude(of: lower)
    let q2 = magnitude(of: above)
    let midpoint = (q1 + q2) / 2
    let up =
      switch rounding {
      case .nearestEven: y > midpoint || (y == midpoint && above % 2 == 0)
      case .nearestAway: y >= midpoint
      // The bits stand for the middle of their interval, so that neither neighbour is favoured.
      case .stochastic(let bits): (y - q1) / (q2 - q1) * 65536 > Float(bits) + 0.5
      case .ema(let average): average >= midpoint
      }
    return up ? above : lower
  }
}
