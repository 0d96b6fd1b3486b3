import Foundation
import MXFormats
import MXLinear
import Runtime

/// How sure the quantization of weights is (the paper's Appendix A): the distance of |w|/S to the nearest threshold
/// between two grid values, in half widths of the bin that it lies in. 0 on a threshold, 1 in the bin's middle.
///
/// The bin of 0 reaches from −t₁ to t₁, that of the largest magnitude as far above it as below; a value beyond
/// counts as 1. A group with a NaN has no confidence and is left out.
public struct QuantizationConfidence: Sendable {
  /// Bins of the histogram.
  public static let bins = 20
  /// Bins of the latent weights' histogram, from `-latentRange` to `latentRange`.
  public static let latentBins = 128

  /// The end of the latent weights' histogram: what no scale rule lets |w|/S reach. 8 for E2M1, whose largest
  /// magnitude is 6, and 32 for E3M0, whose largest is 16.
  public static func latentRange(_ format: ElementFormat) -> Float {
    exp2(Float(format.maximumExponent + 1))
  }

  /// The confidences of one tensor, or of all.
  public struct Summary: Sendable, Equatable {
    /// Weights in each twentieth of 0…1.
    public var histogram = [Int](repeating: 0, count: bins)
    /// Σ of the confidences.
    public var sum = 0.0
    /// Latent weights by their group's scale, w/S.
    public var latent = [Int](repeating: 0, count: latentBins)
    /// The mean; NaN without weights.
    public var mean: Double { sum / Double(histogram.reduce(0, +)) }

    mutating func add(_ confidence: Float, latent y: Float, range: Float) {
      histogram[min(Int(confidence * Float(bins)), bins - 1)] += 1
      sum += Double(confidence)
      let place = (y + range) / (2 * range) * Float(latentBins)
      latent[Int(min(max(place, 0), Float(latentBins - 1)))] += 1
    }

    mutating func add(_ other: Summary) {
      for bin in histogram.indices { histogram[bin] += other.histogram[bin] }
      for bin in latent.indices { latent[bin] += other.latent[bin] }
      sum += other.sum
    }
  }

  /// All weights together.
  public private(set) var all = Summary()
  /// Each tensor, by name.
  public private(set) var layers: [(name: String, summary: Summary)] = []

  /// Measures the latent weights themselves: moving averages play no part.
  public init(_ weights: AlignedBuffer<Float>, _ quantizer: WeightQuantizer) {
    let recipe = quantizer.recipe
    var summaries = [Summary](repeating: Summary(), count: quantizer.entries.count)
    summaries.withUnsafeMutableBufferPointer { summaries in
      parallelFor(quantizer.entries.count) { index in
        let entry = quantizer.entries[index]
        let (grid, range) = (Grid(recipe.format), Self.latentRange(recipe.format))
        var summary = Summary()
        for row in 0..<entry.shape[0] {
          let line = weights.base + entry.offset + row * entry.shape[1]
          for start in stride(from: 0, to: entry.shape[1], by: GroupAxis.groupSize) {
            let group = UnsafeBufferPointer(
              start: line + start, count: min(GroupAxis.groupSize, entry.shape[1] - start))
            let maximum = group.reduce(Float(0)) { max($0, $1.magnitude) }
            let scale = recipe.scaleRule.scale(maximum: maximum, format: recipe.format)
            if scale.isNaN { continue }
            let reciprocal = scale.reciprocal
            for weight in group {
              let scaled = weight * reciprocal
              summary.add(grid.confidence(scaled.magnitude), latent: scaled, range: range)
            }
          }
        }
        summaries[index] = summary
      }
    }
    for (entry, summary) in zip(quantizer.entries, summaries) {
      layers.append((entry.name, summary))
      all.add(summary)
    }
  }

  /// Confidence of one scaled magnitude y = |w|/S ≥ 0.
  public static func confidence(_ y: Float, format: ElementFormat) -> Float {
    Grid(format).confidence(y)
  }

  /// The thresholds of a format and the half widths of its bins.
  private struct Grid {
    private let thresholds: [Float]
    private let halfWidths: [Float]

    init(_ format: ElementFormat) {
      let grid = format.magnitudes
      let between = zip(grid, grid.dropFirst()).map { ($0 + $1) / 2 }
      thresholds = between
      let edges = [-between[0]] + between + [2 * grid[7] - between[6]]
      halfWidths = zip(edges, edges.dropFirst()).map { ($1 - $0) / 2 }
    }

    func confidence(_ y: Float) -> Float {
      var code = 0
      while code < 7, y >= thresholds[code] { code += 1 }
      let below = code > 0 ? y - thresholds[code - 1] : .infinity
      let above = code < 7 ? thresholds[code] - y : .infinity
      return min(min(below, above) / halfWidths[code], 1)
    }
  }
}
