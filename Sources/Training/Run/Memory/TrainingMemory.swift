import ImageData
import MXCompute
import MXRuntime
import Oscillation

/// What a training takes of memory beside the passes over its model, found out by a dry run of some steps: bytes.
struct TrainingMemory {
  /// What lasts: weights, gradients and moments, averages, and what remedies keep.
  let state: Int
  /// The most scratch that remedies take in a step.
  let scratch: Int
  /// What comes on top while a remedy tries out some steps.
  let trial: Int
  /// What the statistics keep, and what comes on top while a window is open.
  let statistics, window: Int

  /// The memory of a training by a resolved recipe.
  ///
  /// - Parameter images: those of the fixed batch of the statistics.
  /// - Throws: `ModelError`, `RunMemoryError`.
  init(
    _ recipe: Recipe, images: Int, _ compute: any TrainingCompute,
    extraRemedies: (WeightQuantizer) -> [any Remedy]
  ) throws {
    let ledger = MemoryLedger()
    let recipe = recipe.hurried
    self = try ledger.dryRun {
      let training = try TrainingStep(
        recipe, compute.dry, stepsPerEpoch: 4, extraRemedies: extraRemedies)
      training.schedule = LearningRateSchedule(constant: 1e-3)
      let state = ledger.bytes
      let batch = Batch(placesFor: 1, of: recipe.model)
      func run(step: Int) throws {
        _ = try training.run(batch.matrix, labels: batch.labels, step: step)
      }
      try run(step: 1)
      let scratch = training.workspace.scratch.touchedCount * MemoryLayout<Float>.stride
      var before = ledger.bytes
      ledger.forgetPeak()
      // Trials are made before even steps.
      try run(step: 0)
      let trial = ledger.peak - before
      guard recipe.statistics.enabled else {
        return TrainingMemory(state, scratch, trial: trial, statistics: 0, window: 0)
      }
      before = ledger.bytes
      ledger.forgetPeak()
      let recorder = OscillationRecorder(
        recipe.statistics, training,
        batch: images > 0 ? Batch(placesFor: images, of: recipe.model) : nil, stepsPerEpoch: 4,
        totalSteps: 2)
      let fixed = ledger.bytes - before
      try recorder.beforeStep(0)
      try recorder.afterStep(0)
      let stacks = ModelMemory.Stacks(recorder.workspace)
      let lasting = fixed + stacks.kept + stacks.scratch
      // The outputs of two steps are there at once.
      return TrainingMemory(
        state, scratch, trial: trial, statistics: lasting,
        window: ledger.peak - before - lasting)
    }
  }

  private init(_ state: Int, _ scratch: Int, trial: Int, statistics: Int, window: Int) {
    (self.state, self.scratch, self.trial) = (state, scratch, trial)
    (self.statistics, self.window) = (statistics, window)
  }
}

extension Recipe {
  /// The same, but whatever remedies and statistics do now and then happens within the first two steps, each of one image.
  fileprivate var hurried: Recipe {
    var recipe = self
    (recipe.training.epochs, recipe.training.batchSize, recipe.training.microBatch) = (2, 1, 0)
    (recipe.remedies.qema.startStep, recipe.remedies.qema.start) = (0, 0)
    (recipe.remedies.qramping.updateShare, recipe.remedies.qramping.detectionShare) = (0, 0)
    (recipe.remedies.qramping.updateEvery, recipe.remedies.qramping.detectionSteps) = (2, 1)
    recipe.remedies.dampen.start = 0
    recipe.remedies.freeze.start = 0
    recipe.remedies.oscireset.start = 0
    recipe.remedies.osmq.start = 0
    (recipe.remedies.oscireset.period, recipe.remedies.oscireset.window) = (1, 1)
    (recipe.statistics.window, recipe.statistics.interval) = (2, 2)
    return recipe
  }
}
