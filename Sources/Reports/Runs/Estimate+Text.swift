import Statistics

extension Estimate {
  /// "48.61 ± 0.32", or "48.61" for a single value; both times `factor`, for percent and per mille.
  package func text(_ digits: Int, times factor: Double = 1) -> String {
    lines(digits, times: factor).joined(separator: " ± ")
  }

  /// The mean and, where it is known, the deviation as texts.
  func lines(_ digits: Int, times factor: Double = 1) -> [String] {
    [fixed(mean * factor, digits)] + (deviation.map { [fixed($0 * factor, digits)] } ?? [])
  }
}
