import Foundation

/// The two-sided t-test of 5 % on the mean of so many differences.
struct PairedTest {
  /// At least 2.
  let pairs: Int

  /// How probable it is that the test finds a mean of `effect` > 0 standard deviations.
  ///
  /// T = (Z + δ)/S with Z normal, δ = effect·√n and S² = χ²_ν/ν, ν = n − 1, is beyond ±t with the probability
  /// ∫ (Φ(δ − t·s) + Φ(−δ − t·s)) f_S(s) ds, here by Simpson's rule.
  func power(effect: Double) -> Double {
    let degrees = Double(pairs - 1)
    let critical = StudentT(degrees: degrees).quantile(beyond: 0.05)
    let shift = effect * Double(pairs).squareRoot()
    // S is about normal around 1 where ν is large; for small ν, S < 1 + 12/√(2ν) but for 10⁻¹⁵ too.
    let width = 12 / (2 * degrees).squareRoot()
    let (low, high) = (max(0, 1 - width), 1 + width)
    let half = degrees / 2
    let logFactor = log(2) + half * log(half) - logGamma(half)
    func integrand(_ s: Double) -> Double {
      // At 0, s^(ν − 1) is 1 for ν = 1 and 0 beyond.
      let logPower = degrees == 1 ? 0 : (degrees - 1) * log(s)
      let density = exp(logFactor + logPower - half * s * s)
      return density * (normal(shift - critical * s) + normal(-shift - critical * s))
    }
    let steps = 4000
    let step = (high - low) / Double(steps)
    var sum = 0.0
    for index in 0...steps {
      let weight = index == 0 || index == steps ? 1.0 : index.isMultiple(of: 2) ? 2 : 4
      sum += weight * integrand(low + Double(index) * step)
    }
    return sum * step / 3
  }

  /// Φ(x).
  private func normal(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }
}
