import Foundation

/// Student's t distribution with `degrees` > 0 degrees of freedom, which need not be whole.
package struct StudentT: Sendable {
  private let degrees: Double

  /// The distribution of ν degrees of freedom.
  package init(degrees: Double) { self.degrees = degrees }

  /// P(|T| ≥ |t|) = I_x(ν/2, 1/2) with x = ν/(ν + t²), to about twelve digits (Abramowitz and Stegun, 26.7.1 and 26.5.2).
  package func probability(beyond t: Double) -> Double {
    guard t.isFinite else { return t.isNaN ? .nan : 0 }
    let square = t * t
    return incompleteBeta(
      degrees / (degrees + square), complement: square / (degrees + square), degrees / 2, 0.5)
  }

  /// The t ≥ 0 that |T| exceeds with a probability of 0 < p ≤ 1: of 0.05, half the width of a 95 % interval in standard
  /// errors.
  package func quantile(beyond p: Double) -> Double {
    var (low, high) = (0.0, 1.0)
    while probability(beyond: high) > p, high < 1e150 { (low, high) = (high, high * 2) }
    // Halving, since nothing here is computed a million times: sixty times is all that a double holds.
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if probability(beyond: middle) > p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}

/// The regularized incomplete beta function I_x(a, b) for a, b > 0 and 0 ≤ x ≤ 1.
///
/// - Parameter complement: 1 − x, which the caller can have without cancellation.
private func incompleteBeta(
  _ x: Double, complement: Double, _ a: Double, _ b: Double
) -> Double {
  if x <= 0 { return 0 }
  if complement <= 0 { return 1 }
  // The fraction converges fast up to the mean of the distribution; beyond, the other tail is taken.
  if x > (a + 1) / (a + b + 2) {
    return 1 - incompleteBeta(complement, complement: x, b, a)
  }
  let logFactor =
    a * log(x) + b * log(complement) + logGamma(a + b) - logGamma(a) - logGamma(b)
  return exp(logFactor) * betaFraction(x, a, b) / a
}

/// The continued fraction of I_x(a, b) (Abramowitz and Stegun, 26.5.8), evaluated from the front (Lentz).
private func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
  let tiny = 1e-300
  func kept(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
  var numerator = 1.0
  var denominator = 1 / kept(1 - (a + b) * x / (a + 1))
  var result = denominator
  for m in stride(from: 1.0, through: 10_000, by: 1) {
    let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    var change = 1.0
    for coefficient in [even, odd] {
      denominator = 1 / kept(1 + coefficient * denominator)
      numerator = kept(1 + coefficient / numerator)
      change = numerator * denominator
      result *= change
    }
    if abs(change - 1) < 1e-15 { break }
  }
  return result
}

/// log Γ(x) of x > 0. (The function that every C library has by the same name in Swift is `lgamma_r`.)
func logGamma(_ x: Double) -> Double {
  var sign: Int32 = 0
  return lgamma_r(x, &sign)
}
