import MXLinear
import Runtime

/// AdamW (Loshchilov and Hutter 2019) over a model's flat buffer; decay on the tensors whose table entry
/// says so.
///
/// Under Q-Ramping (the paper's Algorithm 2) each quantized weight adds up as many gradients as its period says, and
/// then takes one step on their mean with the learning rate times their number; decay and the count of steps go on.
public final class AdamW {
  /// The first moments.
  public let m: AlignedBuffer<Float>
  /// The second moments.
  public let v: AlignedBuffer<Float>
  /// Where weights wait for their period: Σ of the gradients they wait with, and how many those are.
  public let waiting: (sum: AlignedBuffer<Float>, count: AlignedBuffer<Float>)?
  private let recipe: Recipe.Optimizer
  /// Neighbouring tensors that are treated alike, cut into slices for the threads.
  private let slices: [(range: Range<Int>, decays: Bool, ramps: Bool, rate: Float)]
  /// Σg² of each slice.
  private let squares: AlignedBuffer<Double>

  /// An optimizer with zero moments.
  ///
  /// - Parameters:
  ///   - ramps: whether steps will come with periods.
  ///   - rate: a factor on the learning rate of each tensor; 0 leaves it as it is.
  public init(
    _ table: ParameterTable, _ recipe: Recipe.Optimizer, ramps: Bool = false,
    rate: (ParameterTable.Entry) -> Float = { _ in 1 }
  ) {
    m = AlignedBuffer(count: table.count)
    v = AlignedBuffer(count: table.count)
    waiting =
      ramps ? (AlignedBuffer(count: table.count), AlignedBuffer(count: table.count)) : nil
    self.recipe = recipe
    let length = 1 << 15
    slices = table.entries.flatMap { entry in
      let rate = rate(entry)
      return stride(from: 0, to: entry.count, by: length).map { start in
        let range = entry.offset + start..<entry.offset + min(start + length, entry.count)
        return (range, entry.decays, entry.quantized, rate)
      }
    }
    squares = AlignedBuffer(count: slices.count)
  }

  /// One step on all weights.
  ///
  /// - Parameters:
  ///   - step: 1, 2, …, for the bias correction.
  ///   - periods: how many gradients each quantized weight waits for, in the layout of the weights; nil for a plain
  ///     step, which leaves those that wait alone.
  /// - Returns: the norm of the whole gradient, before clipping; not finite where the gradient is not.
  @discardableResult
  public func step(
    _ step: Int, learningRate: Float, weights: AlignedBuffer<Float>,
    gradients: AlignedBuffer<Float>, periods: AlignedBuffer<Float>? = nil
  ) -> Double {
    precondition(periods == nil || waiting != nil, "periods for an optimizer that does not ramp")
    let kernels = Kernels.current
    parallelFor(slices.count) { index in
      let range = slices[index].range
      squares.base[index] = kernels.sumOfSquares(gradients.base + range.lowerBound, range.count)
    }
    let norm = squares.elements.reduce(0, +).squareRoot()
    // A step on such a gradient would spoil every weight; the caller stops instead.
    guard norm.isFinite else { return norm }
    let limit = Double(recipe.clipGradientNorm)
    let plain = AdamWCoefficients(
      learningRate: learningRate, beta1: recipe.beta1, beta2: recipe.beta2,
      epsilon: recipe.epsilon, weightDecay: 0, step: step,
      gradientScale: limit > 0 && norm > limit ? Float(limit / norm) : 1)
    parallelFor(slices.count) { index in
      let (range, decays, ramps, rate) = slices[index]
      if rate == 0 { return }
      let start = range.lowerBound
      var coefficients = plain
      coefficients.learningRate *= rate
      if decays { coefficients.weightDecay = recipe.weightDecay }
      if ramps, let periods, let waiting {
        kernels.rampingAdamW(
          coefficients, period: periods.base + start, sum: waiting.sum.base + start,
          count: waiting.count.base + start, gradient: gradients.base + start,
          weight: weights.base + start, m: m.base + start, v: v.base + start, range.count)
      } else {
        kernels.adamW(
          coefficients, gradient: gradients.base + start, weight: weights.base + start,
          m: m.base + start, v: v.base + start, range.count)
      }
    }
    return norm
  }
}
