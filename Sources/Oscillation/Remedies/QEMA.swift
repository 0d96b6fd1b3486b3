import MXLinear
import Runtime

/// The EMA quantizer (the paper's Algorithm 1): Q2 rounds a weight to the neighbour that is nearer to its moving
/// average, which crosses a threshold rarely where the weight itself crosses it at every step.
public final class QEMA: Remedy {
  /// w_EMA in the layout of the weights.
  public let averages: AlignedBuffer<Float>
  private let settings: RemedySettings.QEMA
  private let quantizer: WeightQuantizer

  /// An average that has seen nothing.
  public init(_ settings: RemedySettings.QEMA, _ quantizer: WeightQuantizer) {
    self.settings = settings
    self.quantizer = quantizer
    averages = AlignedBuffer(count: quantizer.count)
  }

  /// The averages.
  public var state: [(name: String, buffer: AlignedBuffer<Float>)] { [("qema.average", averages)] }

  /// The averages.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(kept: quantizer.bufferBytes, state: quantizer.bufferBytes)
  }

  /// The averages go on in trials, too.
  public var takesPartInTrials: Bool { true }

  /// The initial average is the initial weight; there is no bias correction.
  public func beforeStep(_ training: TrainingView, trial: TrialRun) {
    guard training.step == 0 else { return }
    averages.base.update(from: training.weights.base, count: averages.count)
  }

  /// w_EMA ← β·w_EMA + (1 − β)·w.
  public func afterUpdate(_ training: TrainingView) {
    parallelFor(quantizer.slices.count) { index in
      let slice = quantizer.slices[index]
      Kernels.current.movingAverage(
        beta: settings.beta, of: training.weights.base + slice.lowerBound,
        into: averages.base + slice.lowerBound, slice.count)
    }
  }

  /// The averages, once they have seen `startStep` steps.
  public func weightAverages(step: Int) -> AlignedBuffer<Float>? {
    step >= settings.startStep ? averages : nil
  }
}
