import Files
import Reports
import Training

/// What `train --dry-run` says.
extension RunTrial {
  /// Some lines for people.
  var text: String {
    let (recipe, model) = (plan.recipe, plan.recipe.model)
    let rows = [
      ("data", plan.data),
      (
        "model",
        "\(model.architecture.rawValue), \(model.imageSize) x \(model.imageSize) pixels, "
          + "\(plan.parameters) parameters"
      ),
      ("method", recipe.method.rawValue),
      ("memory", "about \(fixed(plan.memory, 0)) MiB at the peak"),
      (
        "a step",
        "\(fixed(1000 * stepSeconds, 1)) ms of \(counted(recipe.training.batchSize, "image")), "
          + "\(fixed(imagesPerSecond, 0)) images/s (\(counted(steps, "step")), "
          + "\(counted(threads, "thread")))"
      ),
      (
        "the run",
        "\(counted(recipe.training.epochs, "epoch")) of \(counted(plan.stepsPerEpoch, "step")), "
          + "an evaluation of \(counted(testImages, "image")) every "
          + (recipe.training.evaluateEvery == 1
            ? "epoch" : "\(recipe.training.evaluateEvery) epochs")
      ),
      (
        "time",
        "about \(Self.time(seconds)): training \(duration(trainingSeconds)), evaluations "
          + duration(evaluationsSeconds)
      ),
      ("written", "nothing; without --dry-run \(plan.output)"),
    ]
    return rows.map { padded($0, 9) + $1 }.joined(separator: "\n")
  }

  /// Seconds, in hours where it is long enough to walk away.
  private static func time(_ seconds: Double) -> String {
    seconds < 3600
      ? duration(seconds) : "\(fixed(seconds / 3600, 1)) hours (\(duration(seconds)))"
  }

  /// The same for programs.
  var line: JSONLine {
    var line = JSONLine()
    line.add("data", plan.data)
    line.add("classes", classes)
    line.add("test_images", testImages)
    line.add("parameters", plan.parameters)
    line.add("method", plan.recipe.method.rawValue)
    line.add("image_size", plan.recipe.model.imageSize)
    line.add("estimated_memory_mb", plan.memory)
    line.add("measured_steps", steps)
    line.add("step_seconds", stepSeconds)
    line.add("first_step_seconds", firstStepSeconds)
    line.add("images_per_second", imagesPerSecond)
    line.add("epochs", plan.recipe.training.epochs)
    line.add("steps", plan.totalSteps)
    line.add("evaluation_seconds", evaluationSeconds)
    line.add("seconds", seconds)
    return line
  }
}
