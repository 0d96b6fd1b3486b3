import EventFiles
import Files
import Foundation
import ImageData
import MXCompute
import MXRuntime
import Oscillation
import Ranks

/// A run from its recipe to its summary.
package struct Trainer {
  /// The run's folder.
  package var output: String { directory.path }

  /// Whether the folder still holds the last checkpoint.
  package var hasCheckpoint: Bool { directory.hasCheckpoint }

  let recipe: Recipe
  let directory: RunDirectory
  /// Nil where the recipe asks for none.
  let events: EventFile?
  private let observer: any TrainingObserver
  let data: ImageDatasets
  let origin: RunOrigin
  let training: TrainingStep
  let recorder: OscillationRecorder
  /// Who trains it. The first one prints and writes.
  let ranks: any Ranks
  let loader: BatchLoader
  /// Of the test images.
  let test: BatchLoader
  let stepsPerEpoch: Int
  private let request: RunRequest
  /// What the run is expected to take at its peak, in MiB.
  let memory: Double
  /// What the check of stochastic rounding has found; nil where nothing rounds so.
  let roundingNote: String?
  var state: ResumeState
  /// The first rank's, from which `begin` fills what each rank keeps a part of.
  var resumed: SafetensorsFile?
  /// Of the running epoch.
  private(set) var meter: Meter
  var lastSave = ContinuousClock.now
  /// The step of the last checkpoint that was written or read; nil before the first.
  package internal(set) var savedStep: Int?

  /// Begins the epoch's measurements where its state says.
  mutating func resumeMeter() {
    meter = Meter(logEvery: recipe.training.logEvery, continuing: state.sums)
  }

  /// Prepares a new run in a new folder.
  ///
  /// - Parameters:
  ///   - isNumbered: whether a folder that is there already means the next name: `output-2`, `output-3` and so on.
  ///   - earlierRun: the folder of a run whose recipe it is, whose images may lie where it says.
  ///   - request: through which the run can be asked to stop, or to save.
  ///   - ranks: who trains it together; the others follow (`init(following:)`), and `begin` comes before `run`.
  ///   - extraRemedies: remedies beside those of the recipe's method; made once more in the dry run that finds the run's
  ///     memory (`TrainingMemory`).
  /// - Throws: what is wrong with the recipe, the data or the folder. Nothing is written before the
  ///   data has been found.
  package init(
    _ recipe: Recipe, on compute: any TrainingCompute, output: String, isNumbered: Bool = false,
    earlierRun: String? = nil,
    memoryLimit: MemoryLimit? = nil, observer: any TrainingObserver,
    request: RunRequest = RunRequest(), ranks: any Ranks = Alone(),
    extraRemedies: (WeightQuantizer) -> [any Remedy] = { _ in [] }
  ) throws {
    let pretrained = recipe.fineTuning.initialWeights
    try self.init(
      recipe, compute, earlierRun: earlierRun,
      pretrained: pretrained == "none" ? nil : pretrained,
      memoryLimit: memoryLimit, observer: observer, request: request, ranks: ranks,
      extraRemedies: extraRemedies
    ) {
      try isNumbered ? RunDirectory(numbering: output) : RunDirectory(creating: output)
    }
    try writeFileAtomically(directory.recipe, text: self.recipe.yaml)
    try origin.data.write(in: directory.path)
  }

  /// Prepares to try a run out (`tryOut`), of which nothing is written.
  ///
  /// - Throws: as above, also where the run could not have its folder.
  package init(
    trying recipe: Recipe, on compute: any TrainingCompute, output: String,
    earlierRun: String? = nil,
    memoryLimit: MemoryLimit? = nil, observer: any TrainingObserver
  ) throws {
    try RunDirectory.checkIsFree(output)
    var recipe = recipe
    recipe.training.tensorboard = false
    let pretrained = recipe.fineTuning.initialWeights
    try self.init(
      recipe, compute, earlierRun: earlierRun,
      pretrained: pretrained == "none" ? nil : pretrained,
      memoryLimit: memoryLimit, observer: observer, request: RunRequest()
    ) { RunDirectory(reading: output) }
  }

  /// Prepares to continue a run from its last checkpoint, or from the one before it where that one is damaged.
  ///
  /// - Parameters:
  ///   - settings: what its recipe shall say instead; a whole recipe where `isWholeRecipe`.
  ///   - allowsChanges: whether to go on where recipe or data are not what the checkpoint was trained by.
  /// - Throws: `RunError` where there is nothing to continue or something has changed, and as above.
  package init(
    resuming path: String, on compute: any TrainingCompute, settings: [RecipeSetting] = [],
    isWholeRecipe: Bool = false, allowsChanges: Bool = false, memoryLimit: MemoryLimit? = nil,
    observer: any TrainingObserver,
    request: RunRequest = RunRequest(), ranks: any Ranks = Alone()
  ) throws {
    let directory = try RunDirectory(existing: path)
    let own = try RecipeSetting.read(directory.recipe)
    // A recipe that does not say where the images are means those of the run.
    let kept = isWholeRecipe ? own.filter { $0.key == "data.path" } : own
    let recipe = try Recipe(settings: kept + settings, onNote: observer.warned)
    let file = try directory.openResume { observer.warned($0) }
    // A path that is given now means what lies there; the run's own is a hint.
    let isGiven = settings.contains { $0.key == "data.path" && $0.isOverride }
    try self.init(
      recipe, compute, earlierRun: isGiven ? nil : path, memoryLimit: memoryLimit,
      observer: observer,
      request: request, ranks: ranks
    ) { directory }
    let trained = try Checkpoint.recipe(of: file)
    let changes = origin.changes(since: file, trained: trained)
    guard changes.isEmpty || allowsChanges else { throw RunError.changed(path: path, changes) }
    state = try ResumeState.read(file, into: training)
    try recorder.resume(from: file, step: state.step)
    if ranks.count > 1 { resumed = file }
    guard state.nextBatch <= stepsPerEpoch else {
      throw file.error(
        .metadata(
          key: "next_batch", found: "\(state.nextBatch)",
          expected: "at most \(stepsPerEpoch), the batches of an epoch"))
    }
    savedStep = state.step
    resumeMeter()
    if let trained, !changes.isEmpty {
      try writeFileAtomically(directory.recipe(untilStep: state.step), text: trained.yaml)
    }
    try writeFileAtomically(directory.recipe, text: self.recipe.yaml)
    try origin.data.write(in: directory.path)
    let logged = state.lastLoggedStep(stepsPerEpoch: stepsPerEpoch)
    try directory.rewindMetrics(toStep: logged)
    try EventFile.rewind(in: directory.path, toStep: logged)
  }

  /// What all have in common.
  init(
    _ recipe: Recipe, _ compute: any TrainingCompute, earlierRun: String?,
    pretrained: String? = nil, memoryLimit: MemoryLimit?,
    observer: any TrainingObserver, request: RunRequest, ranks: any Ranks = Alone(),
    extraRemedies: (WeightQuantizer) -> [any Remedy] = { _ in [] },
    directory: () throws -> RunDirectory
  ) throws {
    var recipe = recipe
    let location = DataLocation(recipe.data.path, besideRun: earlierRun)
    (recipe.data.path, data) = try location.open(recipe.data.split)
    recipe.model.classes = data.train.classNames.count
    self.recipe = recipe
    self.ranks = ranks
    ranks.limitWaiting(to: recipe.parallel.timeLimit)
    let microBatches = recipe.training.microBatches
    try recipe.check(ranks: ranks.count)
    roundingNote = try RoundingBias.check(recipe.linear, compute)
    memory = try RunMemory.admit(
      recipe, data, compute, limit: memoryLimit, ranks: ranks.count,
      extraRemedies: extraRemedies)
    loader = try BatchLoader(
      dataset: data.train, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: true), onSkip: { observer.skipped($0) })
    test = try BatchLoader(
      dataset: data.test, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: false), onSkip: { observer.skipped($0) })
    stepsPerEpoch = recipe.training.stepsPerEpoch(images: data.train.count)
    training = try TrainingStep(
      recipe, compute, stepsPerEpoch: stepsPerEpoch, ranks: ranks, extraRemedies: extraRemedies)
    recorder = OscillationRecorder(
      recipe.statistics, training, batch: try recipe.fixedBatch(of: data.test),
      stepsPerEpoch: stepsPerEpoch, totalSteps: recipe.training.epochs * stepsPerEpoch)
    if let pretrained {
      observer.initialized(
        try training.model.loadPretrained(pretrained, into: training.weights))
    }
    // Calibration batches are those of epochs that training never reaches.
    training.calibration = { [loader] step in
      let batches = loader.epoch(1 << 30 | step, where: ranks.isOwn(ofStep: microBatches))
      return StepFeed(microBatches: microBatches, ranks: ranks) {
        // A trial leaves no traces, so a stop need not wait for its end, unless others would not know of it.
        if ranks.count == 1 { try request.checkStop() }
        return try batches.next().map(TrainingBatch.init)
      }
    }
    state = ResumeState()
    meter = Meter(logEvery: recipe.training.logEvery)
    self.observer = observer
    self.request = request
    self.directory = try directory()
    if let warning = self.directory.lockWarning { observer.warned(warning) }
    origin = RunOrigin(
      recipe: recipe, data: DataRecord(data, path: recipe.data.path, run: self.directory.path))
    events =
      recipe.training.tensorboard && ranks.isFirst ? try EventFile(in: self.directory.path) : nil
  }

  /// Trains to the end of the recipe.
  ///
  /// - Throws: `RunStopped` where it was asked to stop, `NonFiniteTensor` where the arithmetic breaks down, loader and
  ///   file errors. The last checkpoint stays good.
  package mutating func run() throws -> RunSummary {
    let start = ContinuousClock.now
    let secondsBefore = state.seconds
    lastSave = start
    do {
      return try train { secondsBefore + start.duration(to: .now).inSeconds }
    } catch is RunRequest.Stop {
      state.seconds = secondsBefore + start.duration(to: .now).inSeconds
      try saveState()
      throw RunStopped(step: state.step, totalSteps: totalSteps)
    }
  }

  private mutating func train(seconds: () -> Double) throws -> RunSummary {
    observer.started(plan)
    var evaluator = Evaluator(
      training.compute, model: training.model, weights: training.weights)
    // Of the last evaluation.
    var images: [ImageScore] = []
    func evaluate() throws -> BatchScore {
      images = []
      let deployed = training.deployed(step: state.step)
      (evaluator.model, evaluator.weights) = (
        training.model(at: state.step - 1), deployed.weights
      )
      return try evaluator.score(
        test, averages: deployed.averages, ranks: ranks,
        each: { images.append($0) },
        check: { try heed(seconds: seconds) })
    }
    var score = BatchScore()
    // A run that is resumed after its end is only evaluated again.
    if isOver { score = try evaluate() }
    while !isOver {
      try trainEpoch(seconds: seconds)
      let isLast = state.epoch + 1 == recipe.training.epochs
      let isDue = isLast || (state.epoch + 1).isMultiple(of: recipe.training.evaluateEvery)
      if isDue { score = try evaluate() }
      let averaged = isDue ? try evaluateAverage(seconds: seconds) : nil
      try log(metrics(score: isDue ? score : nil, averaged: averaged))
      if isDue {
        observer.evaluated(
          epoch: state.epoch, trainLoss: meter.epochLoss, score: score,
          loaderWaitShare: meter.loaderWaitShare)
      }
      state.epoch += 1
      state.nextBatch = 0
      state.trainedImages += meter.images
      state.trainedSeconds += meter.seconds
      meter = meter.next()
      state.seconds = seconds()
      let isBest = isDue && score.top1Percent > state.bestTop1
      if isBest { state.bestTop1 = score.top1Percent }
      if isDue { state.evaluationsSinceBest = isBest ? 0 : state.evaluationsSinceBest + 1 }
      try save(isBest: isBest)
    }
    // What the last batches have left out the others have not heard of.
    _ = try consult()
    try ranks.write {
      try RunEvaluation.write(
        directory.evaluation,
        EvaluationDetails(classNames: data.test.classNames, images: images, data: data.test),
        score: score, step: state.step, preprocessing: recipe.preprocessing)
    }
    let summary = RunSummary(
      recipe: recipe, score: score, state: state,
      parameters: training.model.parameters.learnedCount,
      weightsSHA256: training.weightsSHA256(step: state.step), memory: memory,
      skipped: (loader.skipped + test.skipped).map(\.name), compute: training.compute,
      metrics: ranks.isFirst ? try MetricsFile(path: directory.metrics).records : [])
    try ranks.write { try summary.write(directory.summary) }
    observer.finished(summary)
    return summary
  }

  /// Whether all epochs are done, or the evaluations have been waited for in which nothing became better.
  private var isOver: Bool { state.epoch >= recipe.training.epochs || isStoppedEarly }

  private var isStoppedEarly: Bool { recipe.training.stopsEarly(after: state.evaluationsSinceBest) }

  private mutating func trainEpoch(seconds: () -> Double) throws {
    let microBatches = recipe.training.microBatches
    let first = min(state.nextBatch * microBatches, loader.batchesPerEpoch)
    let batches = loader.epoch(
      state.epoch, from: first, where: ranks.isOwn(ofStep: microBatches))
    let feed = StepFeed(microBatches: microBatches, ranks: ranks) {
      try batches.next().map(TrainingBatch.init)
    }
    // A step is known by its first batch, and statistics must not begin before one that does not come.
    while try feed.nextStep() != nil {
      try recorder.beforeStep(state.step)
      guard let (score, part) = try training.run(feed, step: state.step) else { break }
      try recorder.afterStep(state.step)
      state.step += 1
      state.nextBatch = part + 1
      meter.add(score, waited: feed.takeWaited())
      observer.progressed(progress())
      // The epoch's last line comes with the evaluation, and its checkpoint after that.
      let isLast = state.nextBatch == stepsPerEpoch
      if meter.isDue || recorder.hasResult, !isLast {
        try log(metrics(score: nil))
        meter.closeInterval()
      }
      try heed(afterStep: !isLast, seconds: seconds)
    }
    try ranks.alike { if meter.images == 0 { throw LoaderError.noImages } }
    meter.stop()
  }

  /// Does what was asked for from outside, after a step or between the batches of an evaluation.
  ///
  /// - Parameter isStep: whether a step was done, after which a checkpoint may be due.
  private mutating func heed(afterStep isStep: Bool = false, seconds: () -> Double) throws {
    let wishes = try consult(
      stop: request.isStopping, save: request.takeSave(), checkpoint: isStep && isCheckpointDue)
    if wishes.contains(.stop) { throw RunRequest.Stop() }
    guard !wishes.isEmpty else { return }
    state.seconds = seconds()
    try saveState()
    if wishes.contains(.save) { observer.saved(step: state.step) }
  }

  /// The score of the averaged weights, where there are any.
  private mutating func evaluateAverage(seconds: () -> Double) throws -> BatchScore? {
    guard let weights = training.averagedWeights else { return nil }
    let model = training.model(at: state.step - 1)
    return try Evaluator(training.compute, model: model, weights: weights)
      .score(
        test, averages: training.averages(step: state.step), ranks: ranks,
        check: { try heed(seconds: seconds) })
  }

  var totalSteps: Int { recipe.training.epochs * stepsPerEpoch }
}
