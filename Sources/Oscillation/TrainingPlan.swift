/// What a remedy may know of a training before it begins.
package struct TrainingPlan: Sendable {
  /// All steps.
  package let totalSteps: Int
  /// The run's.
  package let seed: UInt64
  /// AdamW's.
  package let beta1, beta2, epsilon: Float

  /// A plan.
  package init(
    totalSteps: Int, seed: UInt64 = 0, beta1: Float = 0.9, beta2: Float = 0.999,
    epsilon: Float = 1e-8
  ) {
    (self.totalSteps, self.seed) = (totalSteps, seed)
    (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
  }
}
