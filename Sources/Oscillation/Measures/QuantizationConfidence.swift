import MXCompute
import MXRuntime

/// How sure the quantization of weights is (the paper's Appendix A): the distance of |w|/S to the nearest threshold
/// between two grid values, in half widths of the bin that it lies in. 0 on a threshold, 1 in the bin's middle.
///
/// The bin of 0 reaches from −t₁ to t₁, that of the largest magnitude as far above it as below; a value beyond
/// counts as 1. A group with a NaN has no confidence and is left out.
package struct QuantizationConfidence: Sendable {
  /// All weights together.
  package private(set) var all = ConfidenceCounts()
  /// Each tensor, by name.
  package private(set) var layers: [(name: String, summary: ConfidenceCounts)] = []

  /// Measures the latent weights themselves: moving averages play no part.
  package init(
    _ weights: AlignedBuffer<Float>, _ quantizer: WeightQuantizer, by compute: any TrainingCompute
  ) {
    let weights = quantizer.latent(weights, memory: quantizer.latentMemory(), by: compute)
    let arena = Arena(chunkCount: 1 << 12)
    layers = quantizer.entries.enumerated().map { index, entry in
      arena.scratch {
        let own = quantizer.narrow(index, of: weights, by: compute, arena: arena)
        return (entry.name, compute.confidence(own, quantizer.recipe))
      }
    }
    for (_, counts) in layers { all.add(counts) }
  }
}
