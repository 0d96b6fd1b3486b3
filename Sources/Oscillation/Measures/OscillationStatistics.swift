/// What a window of steps says about the oscillation of weights (the paper's Appendix A).
package struct OscillationStatistics: Sendable {
  /// r(W) and r(W_Q), means over the tensors and the window's steps; and of all quantized weights as one vector.
  package let rates, wholeRates: MovementWindow.Rates
  /// Of R_w over all quantized weights: the 50th, 90th, 99th percentile and the largest.
  package let ratioPercentiles: [(percent: Int, value: Float)]
  /// The share of weights with R_w > 16.
  package let oscillatingShare: Double
  /// The same of each tensor, by name.
  package let layerShares: [(name: String, share: Double)]
  /// Weights whose quantized value changes, and groups whose scale changes, a step.
  package let flipsPerStep, scaleFlipsPerStep: Double
  /// R_w > 16 counts as oscillating (section 7.2, Figure 6).
  package static let oscillatingRatio: Float = 16

  /// The statistics of a window that has seen at least one step.
  package init(_ window: MovementWindow) {
    (rates, wholeRates) = (window.rates, window.wholeRates)
    let steps = Double(max(window.sums.steps, 1))
    flipsPerStep = Double(window.sums.flips) / steps
    scaleFlipsPerStep = Double(window.sums.scaleFlips) / steps
    let (entries, count) = (window.quantizer.entries, window.quantizer.weightCount)
    let above = window.countRatios(above: Self.oscillatingRatio)
    layerShares = zip(entries, above).map { entry, above in
      (entry.name, Double(above) / Double(max(entry.count, 1)))
    }
    oscillatingShare = Double(above.reduce(0, +)) / Double(max(count, 1))
    let percents = [50, 90, 99, 100]
    let values =
      count > 0
      ? window.ratios(sortedPlaces: percents.map { (count - 1) * $0 / 100 })
      : percents.map { _ in 0 }
    ratioPercentiles = zip(percents, values).map { (percent: $0, value: $1) }
  }
}
