/// A mean over seeds and how far they spread.
package struct Estimate: Sendable, Equatable {
  /// The mean.
  package let mean: Double
  /// The sample standard deviation; nil for a single value.
  package let deviation: Double?
  /// How many values there are.
  package let count: Int

  /// The estimate from values; nil where there are none.
  package init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    count = values.count
    deviation =
      values.count < 2
      ? nil
      : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1))
        .squareRoot()
  }

  /// From what p-value on a difference counts as noise.
  package static let significance = 0.05

  /// The two-sided p-value of Welch's t-test: how probable a difference of the means at least as large as this one is, were
  /// there none. Its degrees of freedom follow from both variances and counts (Welch 1947; Satterthwaite 1946).
  ///
  /// - Returns: nil where either has a single value, and so nothing is known of its spread.
  package func probability(ofDifferenceFrom other: Estimate) -> Double? {
    guard let deviation, let otherDeviation = other.deviation else { return nil }
    let own = deviation * deviation / Double(count)
    let others = otherDeviation * otherDeviation / Double(other.count)
    let difference = mean - other.mean
    // Runs that all came out alike: any difference is one.
    guard own + others > 0 else { return difference == 0 ? 1 : 0 }
    let (share, otherShare) = (own / (own + others), others / (own + others))
    let degrees =
      1 / (share * share / Double(count - 1) + otherShare * otherShare / Double(other.count - 1))
    return StudentT(degrees: degrees).probability(
      beyond: difference / (own + others).squareRoot())
  }

  /// Half the width of the mean's 95 % confidence interval; nil for a single value.
  package var halfInterval: Double? {
    deviation.map {
      StudentT(degrees: Double(count - 1)).quantile(beyond: 0.05) * $0
        / Double(count).squareRoot()
    }
  }
}
