import ImageData
import MXCompute
import MXRuntime
import Oscillation
import VisionModels

/// What a run will take of memory at its peak, part by part: an estimate, made before anything
/// large is allocated.
///
/// `ModelMemory` and `TrainingMemory` find theirs by dry runs, `LoaderMemory` has the loaders' account. A run passes through
/// moments (`RunMoment`) in which some parts are there and others are not; the peak is the largest of these. Checkpoints are
/// written from where the weights lie, and read tensor by tensor before there are activations: they never make the peak.
package struct RunMemory: Sendable {
  /// A part: what it is, in a few words, and its MiB.
  package typealias Part = (name: String, mebibytes: Double)

  /// The process when the run began: program, libraries, data set.
  let process: Double
  let recipe: Recipe
  /// By the quantizers of each part of the training.
  let models: [ModelMemory]
  let stepMemory: TrainingMemory
  let training, test: ImageSizes
  /// How many processes train together.
  let ranks: Int
  /// The most gradients that they exchange at once.
  let largestChunk: Int

  /// MiB that come on top of everything: stacks, tables, what malloc keeps of freed memory, code
  /// that is loaded when it is first called.
  static let allowance = 3.5

  /// The account of a run by a resolved recipe.
  ///
  /// - Parameters:
  ///   - limit: what the run may take.
  ///   - ranks: how many processes train together.
  ///   - extraRemedies: remedies beside those of the recipe's method.
  /// - Throws: `ModelError`, `RunMemoryError`, `LoaderError`.
  package init(
    _ recipe: Recipe, _ data: ImageDatasets, _ compute: any TrainingCompute, limit: MemoryLimit,
    ranks: Int = 1, extraRemedies: (WeightQuantizer) -> [any Remedy] = { _ in [] }
  ) throws {
    (self.recipe, self.ranks) = (recipe, ranks)
    process = ProcessUsage.residentMemory
    training = try ImageSizes(
      data.train, recipe.preprocessing, recipe.loaderOptions(training: true))
    test = try ImageSizes(data.test, recipe.preprocessing, recipe.loaderOptions(training: false))
    let whole = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    try whole.checkMemory(limit, momentsOver: recipe.parallel.shardMoments ? ranks : 1)
    largestChunk = GradientExchange.chunks(of: whole.parameters).map(\.count).max()!
    let steps = recipe.training.epochs * recipe.training.stepsPerEpoch(images: data.train.count)
    models = try recipe.phases(steps: steps).map {
      try ModelMemory(recipe.model, $0.linear, compute, engine: recipe.engine)
    }
    stepMemory = try TrainingMemory(
      recipe, images: min(recipe.statistics.images, data.test.count), compute,
      extraRemedies: extraRemedies)
  }

  /// MiB at the peak.
  package var mebibytes: Double { Self.sum(parts()) }

  /// The parts of the peak, largest first.
  package var largestParts: [Part] { parts().sorted { $0.mebibytes > $1.mebibytes } }

  /// The estimate for the recipe, or for other values of what is easily changed.
  func parts(
    batch: Int? = nil, microBatch: Int? = nil, recomputation: Recomputation? = nil,
    cacheMegabytes: Int? = nil, workers: Int? = nil
  ) -> [Part] {
    var changed = recipe
    changed.training.recomputation = recomputation ?? recipe.training.recomputation
    if let batch { (changed.training.batchSize, changed.training.microBatch) = (batch, 0) }
    changed.training.microBatch = microBatch ?? changed.training.microBatch
    changed.data.cacheMegabytes = cacheMegabytes ?? recipe.data.cacheMegabytes
    changed.data.workers = workers ?? recipe.data.workers
    let size = changed.training.microBatchSize
    let passes = models.map { model in
      Passes(
        state: model.state,
        step: model.step(
          batch: min(size, training.count), recomputation: changed.training.recomputation),
        evaluation: model.evaluation(batch: min(size, test.count)))
    }
    return RunMoment.all(changed, imageCount: training.count)
      .flatMap { moment in passes.map { parts(changed, $0, at: moment) } }
      .max { Self.sum($0) < Self.sum($1) }!
  }

  /// What passes over the model take, in bytes.
  private struct Passes {
    /// Weights, gradients and moments, in whatever passes.
    let state: Int
    let step: ModelMemory.Stacks
    let evaluation: Int
  }

  static func sum(_ parts: [Part]) -> Double { parts.reduce(0) { $0 + $1.mebibytes } }

  /// What is there at a moment.
  private func parts(_ recipe: Recipe, _ passes: Passes, at moment: RunMoment) -> [Part] {
    let buffer = passes.state / 4
    let average = recipe.training.averageDecay > 0 ? buffer : 0
    var parts: [Part] = []
    func add(_ name: String, _ bytes: Int) {
      if bytes > 0 { parts.append((name, Double(bytes) / 1_048_576)) }
    }
    // What others keep of a buffer that is shared out.
    let elsewhere = recipe.parallel.shardMoments ? AdamW.bytesElsewhere(of: buffer, ranks) : 0
    let waiting = recipe.method.remedies.contains(.qramping) ? 2 * elsewhere : 0
    // What is less than a buffer are the optimizer's sums.
    let own = stepMemory.state - passes.state - average
    let kept = own < buffer ? 0 : own
    let names = recipe.method.remedies.map(\.rawValue)
    add("weights, gradients and moments", passes.state - 2 * elsewhere + own - kept)
    add(
      names.isEmpty
        ? "what remedies keep" : "what \(names.joined(separator: " and ")) keeps", kept - waiting)
    add("the average of the weights", average)
    add(
      "sums of micro-batches",
      GradientTree.buffers(microBatches: recipe.training.microBatches, ranks: ranks) * buffer)
    add(
      "gradients of other ranks",
      GradientExchange.bytes(
        chunk: largestChunk, ranks: ranks,
        sums: GradientTree.sums(
          microBatches: recipe.training.microBatches, ranks: ranks)))
    add("activations", passes.step.kept)
    add("scratch of a step", max(passes.step.scratch, stepMemory.scratch))
    let isAveraged = moment.kind == .evaluation && average > 0
    if moment.isTested { add("evaluation", (isAveraged ? 2 : 1) * passes.evaluation) }
    add(
      "statistics of oscillation",
      stepMemory.statistics + (moment.hasWindow ? stepMemory.window : 0))
    if moment.kind == .trial {
      add("a trial of qramping", stepMemory.trial - 2 * elsewhere - waiting)
    }
    let loaders = images(recipe, at: moment)
    add("batches of images", loaders.batches)
    add("decoded images", loaders.cache)
    add("decoding", loaders.decoding)
    parts.append(("the process itself", process + Self.allowance))
    return parts
  }

  /// What the loaders take: training's ones, once more for calibration batches in a trial, and
  /// those of the test images, whose cache stays.
  private func images(
    _ recipe: Recipe, at moment: RunMoment
  ) -> (batches: Int, cache: Int, decoding: Int) {
    let ours = LoaderMemory(training, recipe.loaderOptions(training: true))
    let tests = LoaderMemory(test, recipe.loaderOptions(training: false))
    let cache = ours.cache + ours.order + (moment.isTested ? tests.cache + tests.order : 0)
    return switch moment.kind {
    case .step: (ours.batches, cache, max(ours.decoding, tests.decoding))
    case .trial: (2 * ours.batches, cache, 2 * ours.decoding)
    case .evaluation: (tests.batches, cache, max(ours.decoding, tests.decoding))
    }
  }
}
