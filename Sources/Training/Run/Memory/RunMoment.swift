import Oscillation
import VisionModels

/// A moment of a run at which its memory can be at its peak.
package struct RunMoment: Hashable, Sendable {
  /// What can go on.
  package enum Kind: Sendable {
    /// A step of training, one of a trial, an evaluation.
    case step, trial, evaluation
  }

  /// What goes on.
  package let kind: Kind
  /// Whether there has been an evaluation, whose workspace and decoded images stay.
  let isTested: Bool
  /// Whether a window of statistics is open.
  let hasWindow: Bool

  /// A moment.
  package init(kind: Kind, isTested: Bool, hasWindow: Bool) {
    (self.kind, self.isTested, self.hasWindow) = (kind, isTested, hasWindow)
  }

  /// The moments of a run that differ in what is there.
  package static func all(_ recipe: Recipe, imageCount: Int) -> Set<RunMoment> {
    let stepsPerEpoch = max(1, recipe.training.stepsPerEpoch(images: imageCount))
    let epochs = recipe.training.epochs
    let totalSteps = epochs * stepsPerEpoch
    let every = recipe.training.evaluateEvery
    let firstTest = min(every, epochs) * stepsPerEpoch
    func hasWindow(_ step: Int) -> Bool {
      recipe.statistics.stepsLeft(step, stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps) != nil
    }
    // The last window ends with the last step.
    var moments: Set = [
      RunMoment(kind: .step, isTested: epochs > every, hasWindow: recipe.statistics.enabled)
    ]
    for epoch in 1...epochs where epoch.isMultiple(of: every) || epoch == epochs {
      let step = epoch * stepsPerEpoch
      let isOpen = step < totalSteps && hasWindow(step - 1) && hasWindow(step)
      moments.insert(RunMoment(kind: .evaluation, isTested: true, hasWindow: isOpen))
    }
    if recipe.method.remedies.contains(.qramping) {
      let settings = recipe.remedies.qramping
      let interval = settings.interval(stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
      let schedule = LearningRateSchedule(recipe, stepsPerEpoch: stepsPerEpoch)
      // So many show every case there is; of more, the last one does.
      let steps = stride(from: 0, to: totalSteps, by: interval).prefix(10_000)
      for step in steps + [(totalSteps - 1) / interval * interval]
      where settings.detects(
        before: step, stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps,
        learningRate: schedule.learningRate(step:))
      {
        moments.insert(
          RunMoment(kind: .trial, isTested: step >= firstTest, hasWindow: hasWindow(step)))
      }
    }
    return moments
  }
}

extension Recipe.Statistics {
  /// The block whose output is Y, from 1.
  func outputBlock(of model: ModelConfiguration) -> Int {
    block > 0 ? block : (3 * model.blocks + 3) / 4
  }

  /// Steps from one window's end to the next one's.
  func interval(stepsPerEpoch: Int) -> Int {
    interval > 0 ? interval : max(stepsPerEpoch, 12 * window)
  }

  /// How many steps the window that covers a step has left, that one included; nil between windows,
  /// and without any. Windows end at the last step and every `interval` steps before it.
  func stepsLeft(_ step: Int, stepsPerEpoch: Int, totalSteps: Int) -> Int? {
    guard enabled else { return nil }
    let left = (totalSteps - 1 - step) % interval(stepsPerEpoch: stepsPerEpoch) + 1
    return left <= window ? left : nil
  }
}
