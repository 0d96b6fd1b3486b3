import Foundation

/// Cosine decay with a linear warm-up laid over its beginning, by steps: timm's `CosineLRScheduler`.
public struct LearningRateSchedule: Sendable {
  let peak: Double
  let warmupStart: Double
  let final: Double
  let warmupSteps: Double
  let totalSteps: Double

  /// The schedule of a recipe whose epochs have `stepsPerEpoch` steps.
  public init(_ recipe: Recipe, stepsPerEpoch: Int) {
    peak = Double(recipe.optimizer.learningRate)
    warmupStart = Double(recipe.schedule.warmupLearningRate)
    final = Double(recipe.schedule.finalLearningRate)
    warmupSteps = Double(recipe.schedule.warmupEpochs) * Double(stepsPerEpoch)
    totalSteps = Double(recipe.training.epochs * stepsPerEpoch)
  }

  /// The learning rate of step 0, 1, …
  public func learningRate(step: Int) -> Float {
    let t = Double(step)
    if t < warmupSteps { return Float(warmupStart + (peak - warmupStart) * t / warmupSteps) }
    return Float(final + (peak - final) * (1 + cos(Double.pi * min(t / totalSteps, 1))) / 2)
  }
}
