import Files
import Foundation
import ImageData
import MXCompute
import Reports
import Synchronization
import Training

/// Shows a run on standard error: a bar that moves on a terminal, a line an epoch elsewhere.
final class ProgressDisplay: TrainingObserver {
  private let canRedraw = Terminal.canRedraw
  private let state = Mutex(State())

  private struct State {
    /// When the bar was last drawn.
    var drawn = ContinuousClock.now
    /// What it says of the last evaluation.
    var accuracy: String?
  }

  func started(_ plan: RunPlan) {
    let recipe = plan.recipe
    let from = plan.firstStep > 0 ? ", resumed at step \(plan.firstStep)" : ""
    write(
      "\(recipe.method.rawValue) on \(plan.data); \(plan.parameters) parameters, "
        + "epochs: \(recipe.training.epochs), steps an epoch: \(plan.stepsPerEpoch)\(from); "
        + "about \(fixed(plan.memory, 0)) MiB of memory; "
        + "writing to \(plan.output)")
    plan.notes.forEach(write)
  }

  func initialized(_ report: PretrainedReport) { report.lines.forEach(write) }

  func progressed(_ progress: RunProgress) {
    guard canRedraw else { return }
    let accuracy: String?? = state.withLock { state in
      // Ten times a second is as much as an eye can read.
      let now = ContinuousClock.now
      guard state.drawn.duration(to: now) > .milliseconds(100) else { return nil }
      state.drawn = now
      return .some(state.accuracy)
    }
    if let accuracy { StatusLine.draw(parts(progress, accuracy: accuracy)) }
  }

  private func parts(_ progress: RunProgress, accuracy: String?) -> [StatusPart] {
    let share = Double(progress.step) / Double(progress.totalSteps)
    let starved = progress.loaderWaitShare
    return [
      .text("epoch \(progress.epoch + 1)/\(progress.epochs)", rank: 7),
      .bar(share, rank: 6),
      .text("\(fixed(100 * share, 0)) %", rank: 9),
      .text("loss \(fixed(progress.loss, 3))", rank: 5),
      accuracy.map { .text($0, rank: 4) },
      .text("\(fixed(progress.imagesPerSecond, 0)) images/s", rank: 2),
      .text("\(duration(progress.secondsLeft)) left", rank: 8),
      starved < Self.starvation ? nil : .text("starved \(fixed(100 * starved, 0)) %", rank: 3),
    ].compactMap { $0 }
  }

  func evaluated(epoch: Int, trainLoss: Double, score: BatchScore, loaderWaitShare: Double) {
    write(
      "epoch \(epoch + 1): train loss \(fixed(trainLoss, 4)), test loss \(fixed(score.meanLoss, 4)), "
        + "top-1 \(fixed(score.top1Percent, 2)) %, top-5 \(fixed(score.top5Percent, 2)) %"
        + starved(loaderWaitShare))
    state.withLock { $0.accuracy = "top-1 \(fixed(score.top1Percent, 2)) %" }
  }

  /// From which share of the time on waiting for images is worth a word.
  private static let starvation = 0.1

  /// Says so where training waits for images; nothing elsewhere.
  private func starved(_ share: Double) -> String {
    share < Self.starvation
      ? "" : "  (starved: waited \(fixed(100 * share, 0)) % of the time for images)"
  }

  func warned(_ message: String) { write("warning: \(message)") }

  func saved(step: Int) { write("saved after step \(step), as asked; going on") }

  func skipped(_ image: SkippedImage) { write("skipped: \(image)") }

  func finished(_ summary: RunSummary) {
    let skipped = summary.skippedImages > 0 ? ", images skipped: \(summary.skippedImages)" : ""
    let end =
      summary.stoppedEarly == true
      ? "stopped early after \(counted(summary.epochs, "epoch"))" : "done"
    write(
      "\(end) in \(duration(summary.seconds)): top-1 \(fixed(summary.evalTop1, 2)) % "
        + "(best \(fixed(summary.bestTop1, 2)) %), \(fixed(summary.imagesPerSecond, 0)) images/s, "
        + "peak memory \(fixed(summary.peakMemoryMB, 0)) MiB\(skipped)")
  }

  private func write(_ line: String) { writeError("\(line)\n") }
}
