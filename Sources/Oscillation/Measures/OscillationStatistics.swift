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
    let steps = Double(max(window.steps, 1))
    flipsPerStep = Double(window.flips) / steps
    scaleFlipsPerStep = Double(window.scaleFlips) / steps
    var ratios = window.ratios()
    var layerShares: [(name: String, share: Double)] = []
    var above = 0
    var start = 0
    for entry in window.quantizer.entries {
      let count = ratios[start..<start + entry.count].count { $0 > Self.oscillatingRatio }
      layerShares.append((entry.name, Double(count) / Double(max(entry.count, 1))))
      above += count
      start += entry.count
    }
    self.layerShares = layerShares
    oscillatingShare = Double(above) / Double(max(ratios.count, 1))
    ratios.sort()
    ratioPercentiles = [50, 90, 99, 100].map { percent in
      (percent, ratios.isEmpty ? 0 : ratios[(ratios.count - 1) * percent / 100])
    }
  }
}
