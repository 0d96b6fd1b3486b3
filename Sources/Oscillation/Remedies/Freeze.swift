import Foundation
import MXFormats
import MXLinear
import Runtime
import Synchronization

/// Iterative weight freezing (Nagel et al., ICML 2022, section 4.2): a weight whose quantized value keeps going back and
/// forth is held for good at the grid value nearest to that value's running mean.
///
/// An oscillation is a move of v = Q2(w) against the direction of its last move, while the scale of its group stayed. Its
/// frequency f is a moving average. In training from scratch this is known to collapse (the paper's Table 4).
public final class Freeze: Remedy {
  private let settings: RemedySettings.Freeze
  private let quantizer: WeightQuantizer
  /// d, f and the mean of v; what a weight is held at, NaN for a free one.
  private let direction, frequency, mean, held: AlignedBuffer<Float>
  private var values, valuesBefore: AlignedBuffer<Float>
  private var scales, scalesBefore: AlignedBuffer<UInt8>
  /// Whether `valuesBefore` belongs to the weights: not at the start, nor after a resume.
  private var isFollowing = false

  /// All weights free.
  public init(_ settings: RemedySettings.Freeze, _ quantizer: WeightQuantizer) {
    func buffer() -> AlignedBuffer<Float> { AlignedBuffer(count: quantizer.count) }
    self.settings = settings
    self.quantizer = quantizer
    (direction, frequency, mean, held) = (buffer(), buffer(), buffer(), buffer())
    (values, valuesBefore) = (buffer(), buffer())
    (scales, scalesBefore) = (
      AlignedBuffer(count: quantizer.groupCount), AlignedBuffer(count: quantizer.groupCount)
    )
    held.base.update(repeating: .nan, count: quantizer.count)
  }

  /// The counters, and what the frozen weights are held at.
  public var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [
      ("freeze.direction", direction), ("freeze.frequency", frequency), ("freeze.mean", mean),
      ("freeze.held", held),
    ]
  }

  /// Six buffers, of which four are in the state, and two of scales.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(
      kept: 6 * quantizer.bufferBytes + 2 * quantizer.groupCount, state: 4 * quantizer.bufferBytes,
      scratch: quantizer.scratchBytes)
  }

  /// A frozen weight has no gradient.
  public func beforeUpdate(_ training: TrainingView) {
    if !isFollowing {
      quantize(training, into: valuesBefore, scalesBefore)
      if training.step == 0 { mean.base.update(from: valuesBefore.base, count: mean.count) }
      isFollowing = true
    }
    quantizer.forEachRow { place, _, length in
      for index in place..<place + length where !held.base[index].isNaN {
        training.gradients.base[index] = 0
      }
    }
  }

  /// Counts, freezes, and puts frozen weights back where they are held.
  public func afterUpdate(_ training: TrainingView) {
    hold(training.weights)
    quantize(training, into: values, scales)
    let threshold = self.threshold(training.share)
    let momentum = settings.momentum
    let format = quantizer.recipe.format
    let isAnyNew = Atomic<Bool>(false)
    let (values, valuesBefore) = (values, valuesBefore)
    let (scales, scalesBefore) = (scales, scalesBefore)
    quantizer.forEachRow { place, scalePlace, length in
      for offset in 0..<length {
        let index = place + offset
        guard held.base[index].isNaN else { continue }
        let group = scalePlace + offset / GroupAxis.groupSize
        let (value, before) = (values.base[index], valuesBefore.base[index])
        var oscillation: Float = 0
        if value != before {
          let now: Float = value > before ? 1 : -1
          if now == -direction.base[index], scales.base[group] == scalesBefore.base[group] {
            oscillation = 1
          }
          direction.base[index] = now
        }
        frequency.base[index] += momentum * (oscillation - frequency.base[index])
        mean.base[index] += momentum * (value - mean.base[index])
        if let threshold, frequency.base[index] > threshold {
          held.base[index] = Self.nearest(
            mean.base[index], E8M0(byte: scales.base[group]), format)
          isAnyNew.store(true, ordering: .relaxed)
        }
      }
    }
    if isAnyNew.load(ordering: .relaxed) {
      // A weight that was just frozen can be its group's largest.
      hold(training.weights)
      quantize(training, into: values, scales)
    }
    swap(&self.values, &self.valuesBefore)
    swap(&self.scales, &self.scalesBefore)
  }

  /// The threshold of f; nil before the first weight may be frozen.
  func threshold(_ share: Double) -> Float? {
    let start = Double(settings.start)
    guard share >= start else { return nil }
    let way = start < 1 ? (share - start) / (1 - start) : 1
    let (from, to) = (Double(settings.thresholdStart), Double(settings.thresholdEnd))
    return Float(to + (from - to) * (1 + cos(Double.pi * way)) / 2)
  }

  /// The value of a group's grid that is nearest to x.
  static func nearest(_ x: Float, _ scale: E8M0, _ format: ElementFormat) -> Float {
    let code = format.magnitudeCode(of: x.magnitude * scale.reciprocal, .nearestEven)
    let magnitude = format.value(of: code) * scale.value
    return x.sign == .minus ? -magnitude : magnitude
  }

  private func hold(_ weights: AlignedBuffer<Float>) {
    quantizer.forEachRow { place, _, length in
      for index in place..<place + length where !held.base[index].isNaN {
        weights.base[index] = held.base[index]
      }
    }
  }

  private func quantize(
    _ training: TrainingView, into values: AlignedBuffer<Float>, _ scales: AlignedBuffer<UInt8>
  ) {
    quantizer.quantize(
      training.weights, averages: training.averages, into: values.base, scales: scales.base,
      arena: training.arena)
  }

  /// The share of weights that are frozen.
  public var report: [(key: String, value: Double)] {
    let frozen = quantizer.slices.reduce(0) { sum, slice in
      sum + slice.count { !held.base[$0].isNaN }
    }
    return [("frozen_share", Double(frozen) / Double(max(quantizer.weightCount, 1)))]
  }
}
