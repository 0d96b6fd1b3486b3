import EventFiles
import Files
import MXCompute

/// What a run says of itself as it goes.
extension Trainer {
  /// Writes a line of metrics to every file that takes them.
  func log(_ line: JSONLine) throws {
    try ranks.write {
      try directory.append(line)
      try events?.append(EventValue.values(of: line), step: state.step)
    }
  }

  /// A line of metrics after a step, or after an epoch where there is a score.
  func metrics(score: BatchScore?, averaged: BatchScore? = nil) -> JSONLine {
    var line = JSONLine()
    line.add("step", state.step)
    line.add("epoch", state.epoch)
    line.add(.trainLoss, meter.intervalLoss)
    line.add(.learningRate, training.schedule.learningRate(step: max(0, state.step - 1)))
    line.add(.imagesPerSecond, meter.imagesPerSecond)
    line.add(.loaderWaitShare, meter.loaderWaitShare)
    if let score {
      line.add(.evalLoss, score.meanLoss)
      line.add(.evalTop1, score.top1Percent)
      line.add(.evalTop5, score.top5Percent)
      line.add("weights_sha256", training.weightsSHA256(step: state.step))
    }
    if let averaged {
      line.add(.evalAverageLoss, averaged.meanLoss)
      line.add(.evalAverageTop1, averaged.top1Percent)
      line.add(.evalAverageTop5, averaged.top5Percent)
    }
    if let statistics = recorder.take() {
      line.add(statistics)
      for (key, value) in training.remedies.flatMap(\.report) { line.add(key, value) }
    }
    return line
  }

  /// How far it is.
  func progress() -> RunProgress {
    let left = Double((totalSteps - state.step) * recipe.training.batchSize)
    return RunProgress(
      step: state.step, totalSteps: totalSteps, epoch: state.epoch, epochs: recipe.training.epochs,
      loss: meter.intervalLoss, imagesPerSecond: meter.imagesPerSecond,
      secondsLeft: left / meter.steadyImagesPerSecond, loaderWaitShare: meter.loaderWaitShare)
  }
}
