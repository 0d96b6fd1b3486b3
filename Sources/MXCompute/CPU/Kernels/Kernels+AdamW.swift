import CMXKernels

extension Kernels {
  /// One AdamW step on n elements.
  package func adamW(
    _ step: AdamWCoefficients, gradient: UnsafePointer<Float>, weight: UnsafeMutablePointer<Float>,
    m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    var step = tj_adamw(step)
    table.pointee.adamw(&step, gradient, weight, m, v, n)
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
