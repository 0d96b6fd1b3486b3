import ImageData
import MXRuntime
import VisionModels

/// What a run would be, found out by some of its steps.
package struct RunTrial: Sendable {
  /// The run as it would be announced.
  package let plan: RunPlan
  /// Test images, and classes.
  package let testImages, classes: Int
  /// How many steps were timed, after the first one.
  package let steps: Int
  /// Seconds of a step with what it waits for images, and of the first one, which comes before memory and images are at
  /// hand and in which Q-Ramping tries out some steps more.
  package let stepSeconds, firstStepSeconds: Double
  /// Threads at work.
  package let threads: Int
  /// Seconds of an evaluation of all test images.
  package let evaluationSeconds: Double
  /// Seconds of all steps, and of all evaluations, of the whole run.
  package let trainingSeconds, evaluationsSeconds: Double

  /// Training images a second.
  package var imagesPerSecond: Double { Double(plan.recipe.training.batchSize) / stepSeconds }
  /// Seconds of the whole run.
  package var seconds: Double { trainingSeconds + evaluationsSeconds }
}

extension Trainer {
  /// Makes some steps and a part of an evaluation, in some seconds, and tells what that makes of the whole run. The weights are
  /// spent; no file is written.
  ///
  /// - Throws: what the run would throw in its first steps.
  package func tryOut(seconds: Double = 3) throws -> RunTrial {
    let clock = ContinuousClock()
    var (epoch, steps) = (0, 0)
    func openFeed() -> StepFeed {
      let batches = loader.epoch(epoch)
      return StepFeed(microBatches: recipe.training.microBatches) {
        try batches.next().map(TrainingBatch.init)
      }
    }
    var feed = openFeed()
    func step() throws {
      if try feed.nextStep() == nil {
        epoch += 1
        feed = openFeed()
      }
      guard try training.run(feed, step: min(steps, totalSteps - 1)) != nil else {
        throw LoaderError.noImages
      }
      steps += 1
    }
    let start = clock.now
    try step()
    let first = start.duration(to: clock.now).inSeconds
    let steady = clock.now
    // At least two, and no more than say how long a step takes.
    while steps < 3 || steady.duration(to: clock.now).inSeconds < seconds && steps < 200 {
      try step()
    }
    let perStep = steady.duration(to: clock.now).inSeconds / Double(steps - 1)
    let evaluation = try timeEvaluation(seconds: seconds / 3)

    let epochs = recipe.training.epochs
    let evaluations = (epochs - 1) / recipe.training.evaluateEvery + 1
    let trials =
      recipe.method.remedies.contains(.qramping)
      ? (totalSteps - 1)
        / recipe.remedies.qramping.interval(
          stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps) : 0
    return RunTrial(
      plan: plan, testImages: data.test.count, classes: data.train.classNames.count,
      steps: steps - 1, stepSeconds: perStep, firstStepSeconds: first,
      threads: training.compute.threads,
      evaluationSeconds: evaluation,
      trainingSeconds: first + perStep * Double(totalSteps - 1)
        + Double(trials) * max(0, first - perStep),
      evaluationsSeconds: evaluation
        * Double(evaluations * (recipe.training.averageDecay > 0 ? 2 : 1)))
  }

  /// Seconds of an evaluation, by its first batches.
  private func timeEvaluation(seconds: Double) throws -> Double {
    let (workspace, encoded) = (Workspace(), Arena(chunkCount: 1 << 16))
    let clock = ContinuousClock()
    let start = clock.now
    let pass = try training.model.evaluationPass(
      training.compute, weights: training.weights, averages: training.averages(step: 1),
      workspace: workspace, encoded: encoded)
    var images = 0
    let batches = test.epoch(0)
    while images == 0 || start.duration(to: clock.now).inSeconds < seconds,
      let batch = try batches.next()
    {
      try batch.withMatrix { images in
        try workspace.frame { _ = try training.model.logits(images, pass) }
      }
      images += batch.count
    }
    guard images > 0 else { throw LoaderError.noImages }
    return start.duration(to: clock.now).inSeconds * Double(data.test.count) / Double(images)
  }
}
