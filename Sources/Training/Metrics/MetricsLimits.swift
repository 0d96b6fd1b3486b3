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

  private static let percents: Set<String> = [
    "eval_top1", "eval_top5", "eval_average_top1", "eval_average_top5",
  ]
  private static let shares: Set<String> = [
    "loader_wait_share", "quantization_confidence", "oscillating_share", "frozen_share",
  ]
  private static let magnitudes: Set<String> = [
    "train_loss", "eval_loss", "eval_average_loss", "learning_rate", "images_per_second",
    "rate_of_change_weight", "rate_of_change_quantized_weight", "rate_of_change_output",
    "rate_of_change_weight_whole", "rate_of_change_quantized_weight_whole", "latent_range",
    "flips_per_step", "scale_flips_per_step", "statistics_steps", "statistics_seconds",
    "peak_memory_mb", "estimated_memory_mb", "seconds",
  ]

  /// Whether a key is always a number, or null where the number was not finite.
  static func isNumber(_ key: String) -> Bool {
    percents.contains(key) || shares.contains(key) || magnitudes.contains(key)
  }

  /// Whether a run can have written a number under a key.
  package static func allow(_ value: Double, for key: String) -> Bool {
    if percents.contains(key) { return (0...100).contains(value) }
    if shares.contains(key) { return (0...1).contains(value) }
    return magnitudes.contains(key) ? (0...largest).contains(value) : allow(value)
  }

  /// Whether a run can have written a number at all.
  static func allow(_ value: Double) -> Bool { (-largest...largest).contains(value) }

  /// Whether a count can be one.
  package static func allow(count: Int) -> Bool { (0...largestCount).contains(count) }
}
