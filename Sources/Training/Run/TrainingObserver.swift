import ImageData
import MXCompute

/// A run that is about to start, as it is announced.
package struct RunPlan: Sendable {
  /// The resolved recipe.
  package let recipe: Recipe
  /// What the data is, with its counts.
  package let data: String
  /// Trainable parameters.
  package let parameters: Int
  /// Steps of the whole run, and of an epoch.
  package let totalSteps, stepsPerEpoch: Int
  /// The step the run starts at; above 0 after a resume.
  package let firstStep: Int
  /// About how much memory it will take at its peak, in MiB.
  package let memory: Double
  /// Where the run's files go.
  package let output: String
  /// What is to be said of the images, of how the model suits them, and of the arithmetic, a line each.
  package let notes: [String]
}

extension Trainer {
  /// The run as it is announced.
  var plan: RunPlan {
    RunPlan(
      recipe: recipe, data: data.description, parameters: training.model.parameters.learnedCount,
      totalSteps: totalSteps, stepsPerEpoch: stepsPerEpoch, firstStep: state.step,
      memory: memory, output: output,
      notes: data.startLines + ModelAdvice(recipe, data).startLines
        + [roundingNote].compactMap(\.self))
  }
}

/// How far a run is.
package struct RunProgress: Sendable {
  /// The steps done and the steps of the whole run.
  package let step, totalSteps: Int
  /// The running epoch, from 0, and how many there are.
  package let epoch, epochs: Int
  /// The mean loss since the last line of metrics.
  package let loss: Double
  /// Training images a second, without evaluations.
  package let imagesPerSecond: Double
  /// The seconds left at the rate of this epoch and the one before.
  package let secondsLeft: Double
  /// The share of the epoch's time so far in which training waited for images, 0…1.
  package let loaderWaitShare: Double
}

/// Who watches a run. Calls come from the training thread.
package protocol TrainingObserver: Sendable {
  /// The run is about to start.
  func started(_ plan: RunPlan)
  /// The weights have been taken from a file.
  func initialized(_ report: PretrainedReport)
  /// A step is done.
  func progressed(_ progress: RunProgress)
  /// An epoch is evaluated; in so large a share of its time training waited for images.
  func evaluated(epoch: Int, trainLoss: Double, score: BatchScore, loaderWaitShare: Double)
  /// Something is not as it should be, but the run goes on: one line.
  func warned(_ message: String)
  /// A checkpoint was written after a step because that was asked for; the run goes on.
  func saved(step: Int)
  /// An image could not be read and is left out.
  func skipped(_ image: SkippedImage)
  /// The run is complete.
  func finished(_ summary: RunSummary)
}

/// An observer says only what it is interested in.
extension TrainingObserver {
  /// Says nothing.
  package func started(_ plan: RunPlan) {}
  /// Says nothing.
  package func initialized(_ report: PretrainedReport) {}
  /// Says nothing.
  package func progressed(_ progress: RunProgress) {}
  /// Says nothing.
  package func evaluated(
    epoch: Int, trainLoss: Double, score: BatchScore, loaderWaitShare: Double
  ) {}
  /// Says nothing.
  package func warned(_ message: String) {}
  /// Says nothing.
  package func saved(step: Int) {}
  /// Says nothing.
  package func skipped(_ image: SkippedImage) {}
  /// Says nothing.
  package func finished(_ summary: RunSummary) {}
}
