/// A mean over seeds and how far they spread.
public struct Estimate: Sendable, Equatable {
  /// The mean.
  public let mean: Double
  /// The sample standard deviation; nil for a single value.
  public let deviation: Double?
  /// How many values there are.
  public let count: Int

  /// The estimate from values; nil where there are none.
  public init?(_ values: [Double]) {
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

  /// Whether the means differ by no more than two standard errors of their difference; nil where either has a
  /// single value, and so no error is known.
  public func isWithinNoise(of other: Estimate) -> Bool? {
    guard let deviation, let otherDeviation = other.deviation else { return nil }
    let variance =
      deviation * deviation / Double(count)
      + otherDeviation * otherDeviation / Double(other.count)
    return abs(mean - other.mean) <= 2 * variance.squareRoot()
  }

  /// "48.61 ± 0.32", or "48.61" for a single value; both times `factor`, for percent and per mille.
  public func text(_ digits: Int, times factor: Double = 1) -> String {
    fixed(mean * factor, digits) + (deviation.map { " ± \(fixed($0 * factor, digits))" } ?? "")
  }
}
