import CMXKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Kernels {
  /// One AdamW step on n elements.
  public func adamW(
    _ step: AdamWCoefficients, gradient: UnsafePointer<Float>, weight: UnsafeMutablePointer<Float>,
    m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    var step = tj_adamw(step)
    table.pointee.adamw(&step, gradient, weight, m, v, n)
  }
}

/// The numbers of one AdamW step, the same for every element of a parameter group.
public struct AdamWCoefficients: Sendable {
  /// Learning rate of this step.
  public var learningRate: Float
  /// Decay of the first moment.
  public var beta1: Float
  /// Decay of the second moment.
  public var beta2: Float
  /// Added to the root of the second moment.
  public var epsilon: Float
  /// Decoupled weight decay; 0 for parameters that do not decay.
  public var weightDecay: Float
  /// 1/(1 − β1ᵗ).
  public var correction1: Float
  /// 1/√(1 − β2ᵗ).
  public var correction2: Float
  /// Factor on the gradient; 1 unless it is clipped.
  public var gradientScale: Float

  /// The coefficients of step `step` = 1, 2, …
  public init(
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

extension tj_adamw {
  init(_ step: AdamWCoefficients) {
    self.init(
      learning_rate: step.learningRate, beta1: step.beta1, beta2: step.beta2,
      epsilon: step.epsilon, decay: step.learningRate * step.weightDecay,
      correction1: step.correction1, correction2: step.correction2,
      gradient_scale: step.gradientScale)
  }
}
