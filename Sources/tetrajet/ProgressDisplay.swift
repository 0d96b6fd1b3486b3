import Foundation
import ImageData
import Reports
import Synchronization
import Training

/// Shows a run on standard error: a bar that moves on a terminal, a line an epoch elsewhere.
final class ProgressDisplay: TrainingObserver {
  private let canRedraw = Terminal.canRedraw
  private let bar = Mutex(Bar())

  private struct Bar {
    /// When it was last drawn.
    var drawn = ContinuousClock.now
    /// Whether it stands on the line now.
    var isVisible = false
    /// What it says of the last evaluation.
    var accuracy = ""
  }

  func started(_ plan: RunPlan) {
    let recipe = plan.recipe
    let from = plan.firstStep > 0 ? ", resumed at step \(plan.firstStep)" : ""
    write(
      "\(recipe.method.rawValue) on \(plan.data); \(plan.parameters) parameters, "
        + "epochs: \(recipe.training.epochs), steps an epoch: \(plan.stepsPerEpoch)\(from); "
        + "about \(fixed(plan.memory, 0)) MiB of memory; "
        + "writing to \(plan.output)")
  }

  func initialized(_ report: PretrainedReport) { report.lines.forEach(write) }

  func progressed(_ progress: RunProgress) {
    guard canRedraw else { return }
    bar.withLock { bar in
      // Ten times a second is as much as an eye can read.
      let now = ContinuousClock.now
      guard bar.drawn.duration(to: now) > .milliseconds(100) else { return }
      let share = Double(progress.step) / Double(progress.totalSteps)
      writeError(
        "\r\u{1B}[Kepoch \(progress.epoch + 1)/\(progress.epochs) \(progressBar(share))  "
          + "loss \(fixed(progress.loss, 3))  \(bar.accuracy)\(fixed(progress.imagesPerSecond, 0)) images/s  "
          + "\(duration(progress.secondsLeft)) left" + starved(progress.loaderWaitShare))
      (bar.drawn, bar.isVisible) = (now, true)
    }
  }

  func evaluated(epoch: Int, trainLoss: Double, score: BatchScore, loaderWaitShare: Double) {
    write(
      "epoch \(epoch + 1): train loss \(fixed(trainLoss, 4)), test loss \(fixed(score.meanLoss, 4)), "
        + "top-1 \(fixed(score.top1Percent, 2)) %, top-5 \(fixed(score.top5Percent, 2)) %"
        + starved(loaderWaitShare))
    bar.withLock { $0.accuracy = "top-1 \(fixed(score.top1Percent, 2)) %  " }
  }

  /// Says so where training waits for images a tenth of the time; nothing elsewhere.
  private func starved(_ share: Double) -> String {
    share < 0.1 ? "" : "  (starved: waited \(fixed(100 * share, 0)) % of the time for images)"
  }

  func warned(_ message: String) { write("warning: \(message)") }

  func skipped(_ image: SkippedImage) { write("skipped: \(image)") }

  func finished(_ summary: RunSummary) {
    let skipped = summary.skippedImages > 0 ? ", images skipped: \(summary.skippedImages)" : ""
    let end = summary.stoppedEarly == true ? "stopped early after \(summary.epochs) epochs" : "done"
    write(
      "\(end) in \(duration(summary.seconds)): top-1 \(fixed(summary.evalTop1, 2)) % "
        + "(best \(fixed(summary.bestTop1, 2)) %), \(fixed(summary.imagesPerSecond, 0)) images/s, "
        + "peak memory \(fixed(summary.peakMemoryMB, 0)) MiB\(skipped)")
  }

  private func write(_ line: String) {
    bar.withLock { bar in
      writeError((bar.isVisible ? "\r\u{1B}[K" : "") + line + "\n")
      bar.isVisible = false
    }
  }
}
