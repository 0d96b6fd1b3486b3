import Foundation
import ImageData
import MXLinear
import Runtime

/// A run from its recipe to its summary.
public struct Trainer {
  /// The run's folder.
  public var output: String { directory.path }

  private let recipe: Recipe
  private let directory: RunDirectory
  /// Nil where the recipe asks for none.
  private let events: EventFile?
  private let observer: any TrainingObserver
  private let data: ImageDatasets
  private let training: TrainingStep
  private let loader: BatchLoader
  private let schedule: LearningRateSchedule
  private var state: ResumeState

  /// Prepares a new run in a new folder.
  ///
  /// - Throws: what is wrong with the recipe, the data or the folder. Nothing is written before the
  ///   data has been found.
  public init(_ recipe: Recipe, output: String, observer: any TrainingObserver) throws {
    let pretrained = recipe.fineTuning.initialWeights
    try self.init(
      recipe, pretrained: pretrained == "none" ? nil : pretrained, observer: observer
    ) { try RunDirectory(creating: output) }
    try writeFileAtomically(directory.recipe, text: self.recipe.yaml)
  }

  /// Prepares to continue a run from its last checkpoint.
  ///
  /// - Throws: `RunError` where there is nothing to continue, and as above.
  public init(resuming path: String, observer: any TrainingObserver) throws {
    let directory = try RunDirectory(existing: path)
    let yaml = String(decoding: try readFile(directory.recipe), as: UTF8.self)
    let recipe = try Recipe(settings: RecipeSetting.parse(yaml: yaml, path: directory.recipe))
    try self.init(recipe, observer: observer) { directory }
    state = try ResumeState.read(directory.resume, into: training)
    try directory.rewindMetrics(toStep: state.step)
    try EventFile.rewind(in: directory.path, toStep: state.step)
  }

  private init(
    _ recipe: Recipe, pretrained: String? = nil, observer: any TrainingObserver,
    directory: () throws -> RunDirectory
  ) throws {
    data = try ImageDatasets.open(recipe.data.path)
    var recipe = recipe
    recipe.model.classes = data.train.classNames.count
    self.recipe = recipe
    loader = try BatchLoader(
      dataset: data.train, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: true), onSkip: { observer.skipped($0) })
    training = try TrainingStep(recipe, stepsPerEpoch: loader.batchesPerEpoch)
    if let pretrained {
      observer.initialized(
        try training.model.loadPretrained(pretrained, into: training.weights))
    }
    // Calibration batches are those of epochs that training never reaches.
    training.calibration = { [loader] step in
      let batches = loader.epoch(1 << 30 | step)
      return { try batches.next().map(TrainingBatch.init) }
    }
    schedule = LearningRateSchedule(recipe, stepsPerEpoch: loader.batchesPerEpoch)
    state = ResumeState()
    self.observer = observer
    self.directory = try directory()
    events = recipe.training.tensorboard ? try EventFile(in: self.directory.path) : nil
  }

  /// Trains to the end of the recipe.
  ///
  /// - Throws: `NonFiniteTensor` where the arithmetic breaks down, loader and file errors. The last
  ///   checkpoint stays good.
  public mutating func run() throws -> RunSummary {
    let test = try BatchLoader(
      dataset: data.test, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: false), onSkip: { [observer] in observer.skipped($0) }
    )
    let start = ContinuousClock.now
    let secondsBefore = state.seconds
    announce()
    let recorder = OscillationRecorder(
      recipe.statistics, training, batch: try fixedBatch(), stepsPerEpoch: loader.batchesPerEpoch,
      totalSteps: totalSteps)
    let evaluator = Evaluator(model: training.model, weights: training.weights)
    func evaluate() throws -> BatchScore {
      try evaluator.score(test, averages: training.averages(step: state.step))
    }
    var score = BatchScore()
    // A run that is resumed after its end is only evaluated again.
    if state.epoch >= recipe.training.epochs { score = try evaluate() }
    while state.epoch < recipe.training.epochs {
      var meter = Meter(logEvery: recipe.training.logEvery)
      try trainEpoch(&meter, recorder)
      let isLast = state.epoch + 1 == recipe.training.epochs
      let isDue = isLast || (state.epoch + 1).isMultiple(of: recipe.training.evaluateEvery)
      if isDue { score = try evaluate() }
      let averaged = isDue ? try evaluateAverage(test) : nil
      try log(metrics(meter, score: isDue ? score : nil, averaged: averaged, recorder))
      if isDue {
        observer.evaluated(
          epoch: state.epoch, trainLoss: meter.epochLoss, score: score,
          loaderWaitShare: meter.loaderWaitShare)
      }
      state.epoch += 1
      state.seconds = secondsBefore + start.duration(to: .now).inSeconds
      let isBest = isDue && score.top1Percent > state.bestTop1
      if isBest { state.bestTop1 = score.top1Percent }
      try save(isBest: isBest)
    }
    let summary = RunSummary(
      recipe: recipe, score: score, state: state, parameters: training.weights.count,
      skipped: (loader.skipped + test.skipped).map(\.name), isa: Kernels.current.name,
      windows: try directory.readMetrics())
    try summary.write(directory.summary)
    observer.finished(summary)
    return summary
  }

  private mutating func trainEpoch(_ meter: inout Meter, _ recorder: OscillationRecorder) throws {
    let batches = loader.epoch(state.epoch)
    while let batch = try meter.waiting({ try batches.next() }) {
      try recorder.beforeStep(state.step)
      let score = try training.run(
        batch.images.base, labels: batch.labels, mixedShare: batch.mixedShare, step: state.step,
        learningRate: schedule.learningRate(step: state.step))
      try recorder.afterStep(state.step)
      state.step += 1
      meter.add(score)
      observer.progressed(progress(meter))
      // The epoch's last line comes with the evaluation.
      if meter.isDue || recorder.hasResult, meter.steps < loader.batchesPerEpoch {
        try log(metrics(meter, score: nil, recorder))
        meter.closeInterval()
      }
    }
    guard meter.images > 0 else { throw LoaderError.noImages }
    meter.stop()
    state.trainedImages += meter.images
    state.trainedSeconds += meter.seconds
  }

  /// Writes a line of metrics to every file that takes them.
  private func log(_ line: JSONLine) throws {
    try directory.append(line)
    try events?.append(line, step: state.step)
  }

  private func save(isBest: Bool) throws {
    try state.write(directory.resume, training)
    try writeCheckpoint(directory.last, training.weights)
    if isBest { try writeCheckpoint(directory.best, training.weights) }
    if let averaged = training.averagedWeights { try writeCheckpoint(directory.average, averaged) }
  }

  private func writeCheckpoint(_ path: String, _ weights: AlignedBuffer<Float>) throws {
    try Checkpoint.write(
      path, model: training.model, weights: weights,
      averages: training.averages(step: state.step), recipe: recipe,
      classNames: data.train.classNames)
  }

  /// The score of the averaged weights, where there are any.
  private func evaluateAverage(_ test: BatchLoader) throws -> BatchScore? {
    guard let weights = training.averagedWeights else { return nil }
    return try Evaluator(model: training.model, weights: weights)
      .score(test, averages: training.averages(step: state.step))
  }

  /// The first test images, on which the model's output is compared from step to step.
  private func fixedBatch() throws -> Batch? {
    let images = recipe.statistics.images
    guard recipe.statistics.enabled, images > 0 else { return nil }
    var options = recipe.loaderOptions(training: false)
    (options.batchSize, options.workers, options.maximumBrokenShare) = (images, 1, 1)
    return try BatchLoader(
      dataset: data.test, preprocessing: recipe.preprocessing, options: options
    )
    .epoch(0).next()
  }

  private func metrics(
    _ meter: Meter, score: BatchScore?, averaged: BatchScore? = nil,
    _ recorder: OscillationRecorder
  ) -> JSONLine {
    var line = JSONLine()
    line.add("step", state.step)
    line.add("epoch", state.epoch)
    line.add("train_loss", meter.intervalLoss)
    line.add("learning_rate", schedule.learningRate(step: max(0, state.step - 1)))
    line.add("images_per_second", meter.imagesPerSecond)
    line.add("loader_wait_share", meter.loaderWaitShare)
    if let score {
      line.add("eval_loss", score.meanLoss)
      line.add("eval_top1", score.top1Percent)
      line.add("eval_top5", score.top5Percent)
    }
    if let averaged {
      line.add("eval_average_loss", averaged.meanLoss)
      line.add("eval_average_top1", averaged.top1Percent)
      line.add("eval_average_top5", averaged.top5Percent)
    }
    if let statistics = recorder.take() {
      line.add(statistics)
      for (key, value) in training.remedies.flatMap(\.report) { line.add(key, value) }
    }
    return line
  }

  private func announce() {
    observer.started(
      RunPlan(
        recipe: recipe, data: data.description, parameters: training.weights.count,
        totalSteps: totalSteps, stepsPerEpoch: loader.batchesPerEpoch, firstStep: state.step,
        output: directory.path))
  }

  private func progress(_ meter: Meter) -> RunProgress {
    let left = Double((totalSteps - state.step) * recipe.training.batchSize)
    return RunProgress(
      step: state.step, totalSteps: totalSteps, epoch: state.epoch, epochs: recipe.training.epochs,
      loss: meter.intervalLoss, imagesPerSecond: meter.imagesPerSecond,
      secondsLeft: left / meter.imagesPerSecond, loaderWaitShare: meter.loaderWaitShare)
  }

  private var totalSteps: Int { recipe.training.epochs * loader.batchesPerEpoch }
}

extension Recipe {
  func loaderOptions(training: Bool) -> LoaderOptions {
    LoaderOptions(
      batchSize: self.training.batchSize, training: training, seed: UInt64(seed),
      workers: data.workers, cacheMegabytes: data.cacheMegabytes,
      maximumBrokenShare: data.maximumBrokenShare)
  }
}
