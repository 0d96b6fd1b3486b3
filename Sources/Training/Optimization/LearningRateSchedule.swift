import Foundation

/// Cosine decay with a linear warm-up laid over its beginning: timm's `CosineLRScheduler`, by steps or by epochs.
///
/// The authors' loop sets the rate at the end of each epoch, by the number of the epoch that ends: epoch e trains at
/// the schedule's value of e − 1. `schedule.unit: epoch` with `schedule.lag_epochs: 1` is that.
package struct LearningRateSchedule: Sendable {
  private let peak, warmupStart, final: Double
  private let warmupSteps, totalSteps, lag: Double
  private let stepsPerEpoch: Int
  private let unit: Recipe.Schedule.Unit

  /// The schedule of a recipe whose epochs have `stepsPerEpoch` steps.
  package init(_ recipe: Recipe, stepsPerEpoch: Int) {
    peak = Double(recipe.optimizer.learningRate)
    warmupStart = Double(recipe.schedule.warmupLearningRate)
    final = Double(recipe.schedule.finalLearningRate)
    warmupSteps = Double(recipe.schedule.warmupEpochs) * Double(stepsPerEpoch)
    totalSteps = Double(recipe.training.epochs * stepsPerEpoch)
    lag = Double(recipe.schedule.lagEpochs) * Double(stepsPerEpoch)
    unit = recipe.schedule.unit
    self.stepsPerEpoch = stepsPerEpoch
  }

  /// The same rate at every step.
  package init(constant rate: Float) {
    (peak, warmupStart, final) = (Double(rate), Double(rate), Double(rate))
    (warmupSteps, totalSteps, lag, stepsPerEpoch, unit) = (0, 1, 0, 1, .step)
  }

  /// The learning rate of step 0, 1, …
  package func learningRate(step: Int) -> Float {
    let start = unit == .step ? step : step / stepsPerEpoch * stepsPerEpoch
    let t = max(0, Double(start) - lag)
    if t < warmupSteps { return Float(warmupStart + (peak - warmupStart) * t / warmupSteps) }
    return Float(final + (peak - final) * (1 + cos(Double.pi * min(t / totalSteps, 1))) / 2)
  }
}
