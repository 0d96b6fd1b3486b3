import Foundation

/// Oscillation dampening (Nagel et al., "Overcoming Oscillations in Quantization-Aware Training", ICML 2022, section
/// 4.1): the loss gets λ·(w − Q(w))², summed over the quantized weights or averaged over each row's inputs, with Q(w)
/// as a constant.
///
/// The loss that is reported is without it.
package final class Dampen: Remedy {
  private let settings: RemedySettings.Dampen
  private var lambda: Float = 0

  /// A pull that begins at 0.
  package init(_ settings: RemedySettings.Dampen) { self.settings = settings }

  /// Adds 2λ(w − Q(w)) to the gradients, λ on a cosine from 0 to its final value once training is past `start`.
  package func beforeUpdate(_ training: TrainingView) {
    let start = Double(settings.start)
    let way = start < 1 ? max(0, training.share - start) / (1 - start) : 0
    lambda = settings.lambda * Float((1 - cos(Double.pi * way)) / 2)
    guard lambda > 0 else { return }
    let (quantizer, compute) = (training.quantizer, training.compute)
    training.arena.scratch {
      let values = training.arena.matrix(rows: 1, columns: quantizer.count)
      quantizer.quantize(
        training.weights, averages: training.averages, into: values, by: compute,
        arena: training.arena)
      for entry in quantizer.entries {
        let weights = training.weights[entry.parameter]
        compute.addDifference(
          weights, values[entry.parameter],
          scale: 2 * lambda / (settings.reduction == .sum ? 1 : Float(weights.columns)),
          to: training.gradients[entry.parameter])
      }
    }
  }

  /// λ now.
  package var report: [(key: String, value: Double)] { [("dampen_lambda", Double(lambda))] }
}

extension RemedySettings {
  /// `dampen.*` (Nagel et al. 2022, section 4.1).
  package struct Dampen: Equatable, Sendable {
    /// What is summed over the inputs of a row.
    package enum Reduction: String, CaseIterable, Sendable {
      /// λ·Σ(w − Q(w))², as the text has it: in training from scratch it pins the weights to the grid.
      case sum
      /// The mean over a row's D inputs, as the published code has it: D times weaker.
      case rowMean = "row-mean"
    }
    /// λ at the end of training; it rises from 0 on a cosine.
    package var lambda: Float = 0.1
    /// The share of training before it rises.
    package var start: Float = 0.25
    /// What the squares of a row's D inputs become; by default the mean, as in the published code.
    package var reduction = Reduction.rowMean
  }
}
