import Foundation
import MXCompute
import MXRuntime

/// Iterative weight freezing (Nagel et al., ICML 2022, section 4.2): a weight whose quantized value keeps going back and
/// forth is held for good at the grid value nearest to that value's running mean.
///
/// An oscillation is a move of v = Q2(w) against the direction of its last move, while the scale of its group stayed. Its
/// frequency f is a moving average. In training from scratch this is known to collapse (the paper's Table 4).
package final class Freeze: Remedy {
  private let settings: RemedySettings.Freeze
  private let quantizer: WeightQuantizer
  private var freezing: FreezeState
  /// Whether the values before belong to the weights: not at the start, nor after a resume.
  private var isFollowing = false

  /// All weights free.
  package init(_ settings: RemedySettings.Freeze, _ quantizer: WeightQuantizer) {
    self.settings = settings
    self.quantizer = quantizer
    freezing = FreezeState(count: quantizer.count, groups: quantizer.groupCount)
  }

  /// The counters, and what the frozen weights are held at.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [
      ("freeze.direction", freezing.direction), ("freeze.frequency", freezing.frequency),
      ("freeze.mean", freezing.mean), ("freeze.held", freezing.held),
    ]
  }

  /// A frozen weight has no gradient.
  package func beforeUpdate(_ training: TrainingView) {
    let compute = training.compute
    if !isFollowing {
      quantize(training, into: freezing.valuesBefore, freezing.scalesBefore)
      if training.step == 0 {
        compute.copy(freezing.valuesBefore.matrix(), into: freezing.mean.matrix())
      }
      isFollowing = true
    }
    compute.clear(training.gradients, where: freezing.held, quantizer.slices)
  }

  /// Counts, freezes, and puts frozen weights back where they are held.
  package func afterUpdate(_ training: TrainingView) {
    hold(training)
    let rule = FreezeRule(
      momentum: settings.momentum, threshold: threshold(training.share),
      format: quantizer.recipe.format.elements)
    // A weight that was just frozen can be its group's largest.
    if training.compute.follow(freezing, rule, quantizer.tensors) { hold(training) }
    freezing.advance()
  }

  /// The threshold of f; nil before the first weight may be frozen.
  func threshold(_ share: Double) -> Float? {
    let start = Double(settings.start)
    guard share >= start else { return nil }
    let way = start < 1 ? (share - start) / (1 - start) : 1
    let (from, to) = (Double(settings.thresholdStart), Double(settings.thresholdEnd))
    return Float(to + (from - to) * (1 + cos(Double.pi * way)) / 2)
  }

  /// Puts frozen weights where they are held, and quantizes all.
  private func hold(_ training: TrainingView) {
    training.compute.put(freezing.held, into: training.weights, quantizer.slices)
    quantize(training, into: freezing.values, freezing.scales)
  }

  private func quantize(
    _ training: TrainingView, into values: AlignedBuffer<Float>, _ scales: AlignedBuffer<UInt8>
  ) {
    quantizer.quantize(
      training.weights, averages: training.averages, into: values.matrix(), scales: scales,
      by: training.compute, arena: training.arena)
  }

  /// The share of weights that are frozen.
  package var report: [(key: String, value: Double)] {
    let frozen = quantizer.slices.reduce(0) { sum, slice in
      sum + slice.count { !freezing.held[$0].isNaN }
    }
    return [("frozen_share", Double(frozen) / Double(max(quantizer.weightCount, 1)))]
  }
}

extension RemedySettings {
  /// `freeze.*` (Nagel et al. 2022, section 4.2).
  package struct Freeze: Equatable, Sendable {
    /// m of f ← m·o + (1 − m)·f, and of the running mean.
    package var momentum: Float = 0.001
    /// The share of training before the first weight is frozen.
    package var start: Float = 0.25
    /// The threshold of f from there on, and at the end; a cosine between.
    package var thresholdStart: Float = 0.1, thresholdEnd: Float = 0.01
  }
}
