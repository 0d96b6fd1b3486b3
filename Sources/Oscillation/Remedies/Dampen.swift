import Foundation
import MXLinear
import Runtime

/// Oscillation dampening (Nagel et al., "Overcoming Oscillations in Quantization-Aware Training", ICML 2022, section
/// 4.1): the loss gets λ·(w − Q(w))², summed over the quantized weights or averaged over each row's inputs, with Q(w)
/// as a constant.
///
/// The loss that is reported is without it.
public final class Dampen: Remedy {
  private let settings: RemedySettings.Dampen
  private var lambda: Float = 0

  /// A pull that begins at 0.
  public init(_ settings: RemedySettings.Dampen) { self.settings = settings }

  /// Quantized weights, as long as they are subtracted.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(scratch: quantizer.bufferBytes + quantizer.scratchBytes)
  }

  /// Adds 2λ(w − Q(w)) to the gradients, λ on a cosine from 0 to its final value once training is past `start`.
  public func beforeUpdate(_ training: TrainingView) {
    let start = Double(settings.start)
    let way = start < 1 ? max(0, training.share - start) / (1 - start) : 0
    lambda = settings.lambda * Float((1 - cos(Double.pi * way)) / 2)
    guard lambda > 0 else { return }
    let quantizer = training.quantizer
    training.arena.scratch {
      let values = training.arena.allocate(quantizer.count)
      quantizer.quantize(
        training.weights, averages: training.averages, into: values, arena: training.arena)
      quantizer.forEachRow { place, _, length in
        Kernels.current.addScaledDifference(
          to: training.gradients.base + place,
          scale: 2 * lambda / (settings.reduction == .sum ? 1 : Float(length)),
          training.weights.base + place, values + place, length)
      }
    }
  }

  /// λ now.
  public var report: [(key: String, value: Double)] { [("dampen_lambda", Double(lambda))] }
}
