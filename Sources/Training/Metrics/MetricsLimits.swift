/// What the numbers that a run writes can be. What lies outside was written by no run: it is damage, and refused before
/// anything is computed or drawn with it.
package enum MetricsLimits {
  /// More steps, images or parameters than any run has; twice it is still an `Int`.
  package static let largestCount = 1 << 48
  /// The limit of `training.epochs`.
  package static let mostEpochs = 1_000_000
  /// Losses come of logits in single precision, below 10³⁹, and a rate of change of the quotient of two norms of such
  /// numbers: no magnitude reaches this.
  package static let largest = 1e100

  /// What `summary.json` alone has, each a magnitude.
  private static let magnitudesOfSummaries: Set<String> = [
    "peak_memory_mb", "estimated_memory_mb", "seconds",
  ]
  /// What a remedy reports as a share.
  private static let sharesOfRemedies: Set<String> = ["frozen_share"]

  /// What is known of a key; nil where it may be anything.
  private static func kind(_ key: String) -> Metric.Kind? {
    if let metric = Metric(rawValue: key) { return metric.isNumber ? metric.kind : nil }
    if sharesOfRemedies.contains(key) { return .share }
    return magnitudesOfSummaries.contains(key) ? .magnitude : nil
  }

  /// Whether a key is always a number, or null where the number was not finite.
  static func isNumber(_ key: String) -> Bool { kind(key) != nil }

  /// Whether a run can have written a number under a key.
  package static func allow(_ value: Double, for key: String) -> Bool {
    switch kind(key) {
    case .percent: (0...100).contains(value)
    case .share: (0...1).contains(value)
    case .magnitude: (0...largest).contains(value)
    default: allow(value)
    }
  }

  /// Whether a run can have written a number at all.
  static func allow(_ value: Double) -> Bool { (-largest...largest).contains(value) }

  /// Whether a count can be one.
  package static func allow(count: Int) -> Bool { (0...largestCount).contains(count) }
}
