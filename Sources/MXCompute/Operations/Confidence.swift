import MXFormats

/// How sure the quantization of numbers is (the paper's Appendix A): the distance of |w|/S to the nearest threshold
/// between two grid values, in half widths of the bin that it lies in. 0 on a threshold, 1 in the bin's middle.
///
/// The bin of 0 reaches from −t₁ to t₁, that of the largest magnitude as far above it as below; a value beyond
/// counts as 1.
package struct ConfidenceGrid {
  private let thresholds: [Float]
  /// Of the bins.
  private let halfWidths: [Float]
  /// What no scale rule lets |w|/S reach: 8 for E2M1, whose largest magnitude is 6, and 32 for E3M0, whose largest is
  /// 16.
  package let latentRange: Float

  package init(_ format: ElementFormat) {
    let grid = format.magnitudes
    let between = zip(grid, grid.dropFirst()).map { ($0 + $1) / 2 }
    thresholds = between
    let edges = [-between[0]] + between + [2 * format.maximum - between[between.count - 1]]
    halfWidths = zip(edges, edges.dropFirst()).map { ($1 - $0) / 2 }
    latentRange = Float(sign: .plus, exponent: format.maximumExponent + 1, significand: 1)
  }

  /// Of one scaled magnitude y = |w|/S ≥ 0.
  package func confidence(_ y: Float) -> Float {
    var code = 0
    while code < thresholds.count, y >= thresholds[code] { code += 1 }
    let below = code > 0 ? y - thresholds[code - 1] : .infinity
    let above = code < thresholds.count ? thresholds[code] - y : .infinity
    return min(min(below, above) / halfWidths[code], 1)
  }
}

/// The confidences of one tensor's numbers, or of all. A group with a NaN has none and is left out.
package struct ConfidenceCounts: Sendable, Equatable {
  /// Bins of the histogram of confidences.
  package static let bins = 20
  /// Bins of the latent numbers' histogram, from −`latentRange` to `latentRange`.
  package static let latentBins = 128

  /// Numbers in each twentieth of 0…1.
  package var histogram = [Int](repeating: 0, count: bins)
  /// Σ of the confidences.
  package var sum = 0.0
  /// Latent numbers by their group's scale, w/S.
  package var latent = [Int](repeating: 0, count: latentBins)
  /// The mean; NaN without numbers.
  package var mean: Double { sum / Double(histogram.reduce(0, +)) }

  package init() {}

  mutating func add(_ confidence: Float, latent y: Float, range: Float) {
    histogram[min(Int(confidence * Float(Self.bins)), Self.bins - 1)] += 1
    sum += Double(confidence)
    let place = (y + range) / (2 * range) * Float(Self.latentBins)
    latent[Int(min(max(place, 0), Float(Self.latentBins - 1)))] += 1
  }

  package mutating func add(_ other: ConfidenceCounts) {
    for bin in histogram.indices { histogram[bin] += other.histogram[bin] }
    for bin in latent.indices { latent[bin] += other.latent[bin] }
    sum += other.sum
  }
}
