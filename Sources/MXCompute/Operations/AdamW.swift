import MXRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The numbers of one AdamW step (Loshchilov and Hutter 2019), the same for all parameters.
package struct AdamWCoefficients: Sendable {
  /// Learning rate of this step.
  package var learningRate: Float
  /// Decay of the first moment.
  package var beta1: Float
  /// Decay of the second moment.
  package var beta2: Float
  /// Added to the root of the second moment.
  package var epsilon: Float
  /// Decoupled weight decay, of the parameters that decay.
  package var weightDecay: Float
  /// 1/(1 − β1ᵗ).
  package var correction1: Float
  /// 1/√(1 − β2ᵗ).
  package var correction2: Float
  /// Factor on the gradient; 1 unless it is clipped.
  package var gradientScale: Float

  /// The coefficients of step `step` = 1, 2, …
  package init(
    learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, step: Int,
    gradientScale: Float
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.gradientScale = gradientScale
    correction1 = Float(1 / (1 - pow(Double(beta1), Double(step))))
    correction2 = Float(1 / (1 - pow(Double(beta2), Double(step))).squareRoot())
  }
}

/// A run of neighbouring parameters that are treated alike, one thread's work.
package struct AdamWSlice: Sendable {
  /// Their places in the flat buffers.
  package let range: Range<Int>
  /// Whether they decay, and whether they wait by periods where there are any.
  package let decays, ramps: Bool
  /// A factor on the learning rate; 0 leaves them as they are.
  package let rate: Float

  package init(_ range: Range<Int>, decays: Bool, ramps: Bool, rate: Float) {
    (self.range, self.decays, self.ramps, self.rate) = (range, decays, ramps, rate)
  }
}

/// The flat buffers of an AdamW step.
package struct AdamWState {
  package let weights, gradients: AlignedBuffer<Float>
  /// The first and second moments.
  package let m, v: AlignedBuffer<Float>
  /// Which weight m, v and the sum and number below begin with: not the first one where they are a part of all.
  package var start = 0
  /// Under Q-Ramping (the paper's Algorithm 2): how many gradients each weight adds up before it takes one step on their
  /// mean with the learning rate times their number; and the sum and the number of those it waits with.
  package var ramping:
    (periods: AlignedBuffer<Float>, sum: AlignedBuffer<Float>, count: AlignedBuffer<Float>)?

  package init(
    weights: AlignedBuffer<Float>, gradients: AlignedBuffer<Float>, m: AlignedBuffer<Float>,
    v: AlignedBuffer<Float>
  ) {
    (self.weights, self.gradients, self.m, self.v) = (weights, gradients, m, v)
  }
}
