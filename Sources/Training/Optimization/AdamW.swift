import MXCompute
import MXRuntime
import Ranks

/// AdamW (Loshchilov and Hutter 2019) over a model's flat buffer; decay on the tensors whose table entry
/// says so.
///
/// Under Q-Ramping (the paper's Algorithm 2) each quantized weight adds up as many gradients as its period says, and
/// then takes one step on their mean with the learning rate times their number; decay and the count of steps go on.
package final class AdamW {
  /// The first moments; of all weights or of this rank's shard, as all that follows.
  package let m: AlignedBuffer<Float>
  /// The second moments.
  package let v: AlignedBuffer<Float>
  /// Where weights wait for their period: Σ of the gradients they wait with, and how many those are.
  package let waiting: (sum: AlignedBuffer<Float>, count: AlignedBuffer<Float>)?
  /// Which weights each rank keeps that for and updates; nil where each does so for all.
  package let shards: MomentShards?
  private let recipe: Recipe.Optimizer
  private static let longestSlice = 1 << 15
  /// Neighbouring tensors that are treated alike, cut into slices for the threads.
  private let slices: [AdamWSlice]
  /// Those of this rank.
  private let ownSlices: [AdamWSlice]
  /// Σg² of each slice.
  private let squares: AlignedBuffer<Double>

  /// An optimizer with zero moments.
  ///
  /// - Parameters:
  ///   - ramps: whether steps will come with periods.
  ///   - ranks: who shares the weights out; nil where each updates all of them.
  ///   - rate: a factor on the learning rate of each tensor; 0 leaves it as it is.
  package init(
    _ table: ParameterTable, _ recipe: Recipe.Optimizer, ramps: Bool = false,
    sharedOutOver ranks: (any Ranks)? = nil,
    rate: (ParameterTable.Entry) -> Float = { _ in 1 }
  ) {
    self.recipe = recipe
    let slices = table.learned.entries.flatMap { entry in
      let rate = rate(entry)
      return stride(from: 0, to: entry.count, by: Self.longestSlice).map { start in
        let end = min(start + Self.longestSlice, entry.count)
        let range = entry.offset + start..<entry.offset + end
        return AdamWSlice(range, decays: entry.decays, ramps: entry.quantized, rate: rate)
      }
    }
    self.slices = slices
    squares = AlignedBuffer(count: slices.count)
    shards = ranks.map { MomentShards(slices.map(\.range), count: table.count, ranks: $0) }
    let own = shards?.own ?? 0..<table.count
    ownSlices = slices.filter { own.contains($0.range.lowerBound) }
    m = AlignedBuffer(count: own.count)
    v = AlignedBuffer(count: own.count)
    waiting = ramps ? (AlignedBuffer(count: own.count), AlignedBuffer(count: own.count)) : nil
  }

  /// Of the bytes of a buffer that ranks share out, how many a rank does not have, at least.
  static func bytesElsewhere(of buffer: Int, _ ranks: Int) -> Int {
    // Slices are not cut.
    max(0, buffer - buffer / ranks - longestSlice * MemoryLayout<Float>.stride)
  }

  /// What one step leaves to the next one, by name.
  var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [("m", m), ("v", v)]
      + (waiting.map { [("waiting.sum", $0.sum), ("waiting.count", $0.count)] } ?? [])
  }

  /// One step on all weights, or on those of this rank's shard.
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
    state.start = shards?.own.lowerBound ?? 0
    if let periods, let waiting { state.ramping = (periods, waiting.sum, waiting.count) }
    compute.adamW(
      state, ownSlices,
      AdamWCoefficients(
        learningRate: learningRate, beta1: recipe.beta1, beta2: recipe.beta2,
        epsilon: recipe.epsilon, weightDecay: recipe.weightDecay, step: step,
        gradientScale: limit > 0 && norm > limit ? Float(limit / norm) : 1))
    return norm
  }
}
