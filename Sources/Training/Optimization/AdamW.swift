import MXCompute
import MXRuntime

/// AdamW (Loshchilov and Hutter 2019) over a model's flat buffer; decay on the tensors whose table entry
/// says so.
///
/// Under Q-Ramping (the paper's Algorithm 2) each quantized weight adds up as many gradients as its period says, and
/// then takes one step on their mean with the learning rate times their number; decay and the count of steps go on.
package final class AdamW {
  /// The first moments.
  package let m: AlignedBuffer<Float>
  /// The second moments.
  package let v: AlignedBuffer<Float>
  /// Where weights wait for their period: Σ of the gradients they wait with, and how many those are.
  package let waiting: (sum: AlignedBuffer<Float>, count: AlignedBuffer<Float>)?
  private let recipe: Recipe.Optimizer
  /// Neighbouring tensors that are treated alike, cut into slices for the threads.
  private let slices: [AdamWSlice]
  /// Σg² of each slice.
  private let squares: AlignedBuffer<Double>

  /// An optimizer with zero moments.
  ///
  /// - Parameters:
  ///   - ramps: whether steps will come with periods.
  ///   - rate: a factor on the learning rate of each tensor; 0 leaves it as it is.
  package init(
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
        return AdamWSlice(range, decays: entry.decays, ramps: entry.quantized, rate: rate)
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
  package func step(
    _ step: Int, learningRate: Float, weights: AlignedBuffer<Float>,
    gradients: AlignedBuffer<Float>, periods: AlignedBuffer<Float>? = nil,
    by compute: any TrainingCompute
  ) -> Double {
    precondition(periods == nil || waiting != nil, "periods for an optimizer that does not ramp")
    let norm = compute.sumOfSquares(gradients, slices, sums: squares).squareRoot()
    // A step on such a gradient would spoil every weight; the caller stops instead.
    guard norm.isFinite else { return norm }
    let limit = Double(recipe.clipGradientNorm)
    var state = AdamWState(weights: weights, gradients: gradients, m: m, v: v)
    if let periods, let waiting { state.ramping = (periods, waiting.sum, waiting.count) }
    compute.adamW(
      state, slices,
      AdamWCoefficients(
        learningRate: learningRate, beta1: recipe.beta1, beta2: recipe.beta2,
        epsilon: recipe.epsilon, weightDecay: recipe.weightDecay, step: step,
        gradientScale: limit > 0 && norm > limit ? Float(limit / norm) : 1))
    return norm
  }
}
