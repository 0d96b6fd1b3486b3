import ImageData
import MXCompute
import MXRuntime
import Oscillation
import VisionModels

/// What a run will take of memory at its peak, part by part: an estimate, made before anything
/// large is allocated.
///
/// The parts are each other's owners' own accounts: `TrainingMemory` of the model, `RemedyMemory`
/// of the remedies, `LoaderMemory` of the loaders. A run passes through moments (`RunMoment`) in
/// which some parts are there and others are not; the peak is the largest of these. Checkpoints are
/// written from where the weights lie, and read tensor by tensor before there are activations: they
/// never make the peak.
package struct RunMemory: Sendable {
  /// A part: what it is, in a few words, and its MiB.
  package typealias Part = (name: String, mebibytes: Double)

  /// The process when the run began: program, libraries, data set.
  let process: Double
  let recipe: Recipe
  let model: TrainingMemory
  let quantizer: WeightQuantizer
  let training, test: ImageSizes

  /// MiB that come on top of everything: stacks, tables, what malloc keeps of freed memory, code
  /// that is loaded when it is first called.
  static let allowance = 4.0

  /// The account of a run by a resolved recipe.
  ///
  /// - Parameter limit: what the run may take; a model whose account would itself take more is refused before it is made.
  /// - Throws: `ModelError`, `RunMemoryError`, `LoaderError`.
  package init(
    _ recipe: Recipe, _ data: ImageDatasets, _ compute: any TrainingCompute, limit: MemoryLimit
  ) throws {
    self.recipe = recipe
    training = try ImageSizes(
      data.train, recipe.preprocessing, recipe.loaderOptions(training: true))
    test = try ImageSizes(data.test, recipe.preprocessing, recipe.loaderOptions(training: false))
    let whole = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    try whole.checkMemory(limit)
    try Self.checkActivations(recipe, limit)
    quantizer = WeightQuantizer(whole.parameters, recipe.linear[.q2])
    let before = ProcessUsage.residentMemory
    model = try TrainingMemory(
      recipe.model, recipe.linear, compute, engine: recipe.engine,
      batch: min(recipe.training.microBatchSize, max(data.train.count, data.test.count)))
    // With the code and the libraries' own memory that a step has brought in.
    process = max(before, ProcessUsage.residentMemory)
  }

  /// MiB at the peak.
  package var mebibytes: Double { Self.sum(parts()) }

  /// The parts of the peak, largest first.
  package var largestParts: [Part] { parts().sorted { $0.mebibytes > $1.mebibytes } }

  /// The estimate for the recipe, or for other values of what is easily changed.
  func parts(
    batch: Int? = nil, microBatch: Int? = nil, cacheMegabytes: Int? = nil, workers: Int? = nil
  ) -> [Part] {
    var changed = recipe
    if let batch { (changed.training.batchSize, changed.training.microBatch) = (batch, 0) }
    changed.training.microBatch = microBatch ?? changed.training.microBatch
    changed.data.cacheMegabytes = cacheMegabytes ?? recipe.data.cacheMegabytes
    changed.data.workers = workers ?? recipe.data.workers
    return RunMoment.all(changed, imageCount: training.count).map { parts(changed, at: $0) }
      .max { Self.sum($0) < Self.sum($1) }!
  }

  static func sum(_ parts: [Part]) -> Double { parts.reduce(0) { $0 + $1.mebibytes } }

  /// What is there at a moment.
  private func parts(_ recipe: Recipe, at moment: RunMoment) -> [Part] {
    let names = recipe.method.remedies
    let remedies = names.map { $0.memory(quantizer) }
    let buffer = quantizer.bufferBytes
    let waiting = remedies.contains(where: \.ramps) ? 2 * buffer : 0
    let average = recipe.training.averageDecay > 0 ? buffer : 0
    let size = recipe.training.microBatchSize
    let step = model.training.bytes(batch: min(size, training.count))
    let evaluation = model.evaluation.bytes(batch: min(size, test.count))
    let forward = evaluation.kept + evaluation.scratch

    var parts: [Part] = []
    func add(_ name: String, _ bytes: Double) {
      if bytes > 0 { parts.append((name, bytes / 1_048_576)) }
    }
    add("weights, gradients and moments", Double(model.state))
    add(
      "what \(names.map(\.rawValue).joined(separator: " and ")) keeps",
      Double(remedies.reduce(waiting) { $0 + $1.kept }))
    add("the average of the weights", Double(average))
    add(
      "sums of micro-batches",
      Double(GradientTree.levels(microBatches: recipe.training.microBatches) * buffer))
    add("activations", step.kept)
    add("scratch of a step", max(step.scratch, Double(remedies.map(\.scratch).max() ?? 0)))
    let isAveraged = moment.kind == .evaluation && average > 0
    if moment.isTested { add("evaluation", isAveraged ? 2 * forward : forward) }
    add("statistics of oscillation", statistics(recipe, isOpen: moment.hasWindow))
    if moment.kind == .trial {
      let copies = 3 * buffer + waiting + average + remedies.reduce(0) { $0 + $1.state }
      add("a trial of qramping", Double(copies + (remedies.compactMap(\.trial).max() ?? 0)))
    }
    let loaders = images(recipe, at: moment)
    add("batches of images", Double(loaders.batches))
    add("decoded images", Double(loaders.cache))
    add("decoding", Double(loaders.decoding))
    add("the process itself", (process + Self.allowance) * 1_048_576)
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

  /// Bytes of the fixed batch and of the recorder's scratch, and of a window while it is open.
  private func statistics(_ recipe: Recipe, isOpen: Bool) -> Double {
    guard recipe.statistics.enabled else { return 0 }
    let images = min(recipe.statistics.images, test.count)
    let forward = images > 0 ? model.evaluation.bytes(batch: images) : (kept: 0, scratch: 0)
    let lasting =
      Double(images * test.batchBytes)
      + max(forward.kept + forward.scratch, Double(quantizer.scratchBytes))
    guard isOpen else { return lasting }
    // The outputs of two steps; at the end all ratios, to be sorted.
    let block = recipe.statistics.outputBlock(of: recipe.model)
    let outputs = 2 * images * recipe.model.featureCount(block: block) * MemoryLayout<Float>.stride
    let ratios = quantizer.weightCount * MemoryLayout<Float>.stride
    return lasting + Double(MovementWindow.bytes(quantizer) + outputs + ratios)
  }
}
