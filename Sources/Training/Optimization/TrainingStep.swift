import Foundation
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import Ranks
import VisionModels

/// A model in training: its weights, gradients and moments, and the step that moves them.
package final class TrainingStep {
  /// The calibration batches of a trial that begins at a step.
  package typealias Calibration = (_ step: Int) throws -> StepFeed

  /// What computes.
  package let compute: any TrainingCompute
  /// The model, with every quantizer of the recipe.
  package let model: VisionModel
  private let phases: ModelPhases
  /// The flat buffer of weights.
  package let weights: AlignedBuffer<Float>
  /// The gradients of the last step.
  package let gradients: AlignedBuffer<Float>
  /// The optimizer with its moments.
  package let optimizer: AdamW
  /// What calms the weights, in the order in which they are called.
  package let remedies: [any Remedy]
  /// A moving average of all weights, where the recipe asks for one.
  package var averagedWeights: AlignedBuffer<Float>? { weightAverage?.weights }
  private let weightAverage: WeightAverage?
  /// Q2 of all weights.
  package let weightQuantizer: WeightQuantizer
  /// Where the time of the steps' parts is added up; nil for nowhere.
  package var profile: StepProfile?
  /// Where what the quantizers lose is counted; nil for nowhere.
  package var census: QuantizerCensus?
  /// Where trials get their batches; nil where a step is given its one batch, which is theirs too.
  package var calibration: Calibration?
  /// The learning rate of each step: the recipe's.
  package var schedule: LearningRateSchedule {
    didSet { learningRate = schedule.learningRate(step:) }
  }
  /// The same for remedies, made once: a step allocates nothing.
  private var learningRate: (_ step: Int) -> Float
  /// Memory that is given back at the end of a step.
  let workspace = Workspace()
  private let seed: UInt64
  private let labelSmoothing: Float
  private let recomputation: Recomputation
  private let inputMeans: InputMeans
  private let outlierChannels: OutlierChannels
  private let tree: GradientTree
  /// Where the gradients of each layer begin, from the last layer to the first.
  private let layers: [Int]
  /// Why this rank could not compute the gradients that the others waited for.
  private var failure: (any Error)?
  let ranks: any Ranks
  /// Images of a whole micro-batch.
  private let microBatchSize: Int
  private let stepsPerEpoch, totalSteps: Int

  /// A model with initial weights of the recipe's seed.
  ///
  /// - Parameters:
  ///   - stepsPerEpoch: how the remedies know where in the training a step lies.
  ///   - ranks: who shares out the micro-batches of each step; all have the same weights after it.
  ///   - extraRemedies: remedies beside those of the recipe's method.
  /// - Throws: `ModelError` where the recipe's shape is impossible.
  package init(
    _ recipe: Recipe, _ compute: any TrainingCompute, stepsPerEpoch: Int = 1,
    ranks: any Ranks = Alone(), extraRemedies: (WeightQuantizer) -> [any Remedy] = { _ in [] }
  ) throws {
    self.compute = compute
    model = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    let steps = recipe.training.epochs * stepsPerEpoch
    phases = try ModelPhases(recipe, steps: steps)
    // `RunMemory` estimates all that a run takes; whoever steps without one is kept from the worst.
    let shards = recipe.parallel.shardMoments && ranks.count > 1
    try model.checkMemory(.ofProcess(), momentsOver: shards ? ranks.count : 1)
    weights = AlignedBuffer(count: model.parameters.count)
    gradients = AlignedBuffer(count: model.parameters.count)
    self.ranks = ranks
    layers = model.parameters.layers
    tree = GradientTree(
      gradients, microBatches: recipe.training.microBatches, compute, ranks: ranks,
      chunks: GradientExchange.chunks(of: model.parameters))
    microBatchSize = recipe.training.microBatchSize
    schedule = LearningRateSchedule(recipe, stepsPerEpoch: stepsPerEpoch)
    learningRate = schedule.learningRate(step:)
    let quantizer = WeightQuantizer(model.parameters, recipe.linear.quantizer(of: .q2))
    weightQuantizer = quantizer
    let decay = recipe.training.averageDecay
    weightAverage =
      decay > 0 ? WeightAverage(decay: decay, count: model.parameters.count) : nil
    remedies =
      recipe.method.remedies.map {
        $0.make(recipe.remedies, quantizer: quantizer, recipe.plan(steps: steps), compute)
      }
      + extraRemedies(quantizer) + (weightAverage.map { [$0] } ?? [])
    let fineTuning = recipe.fineTuning
    optimizer = AdamW(
      model.parameters, recipe.optimizer, ramps: remedies.contains { $0.updatePeriods != nil },
      sharedOutOver: shards ? ranks : nil
    ) { entry in
      if fineTuning.freezesPatchEmbedding, entry.part.role == .patches { return 0 }
      return pow(fineTuning.layerDecay, Float(entry.part.layersBehind))
    }
    seed = UInt64(recipe.seed)
    labelSmoothing = recipe.training.labelSmoothing
    recomputation = recipe.training.recomputation
    inputMeans = InputMeans(model.parameters, decay: recipe.meanDecay)
    outlierChannels = OutlierChannels(model.parameters, recipe, steps: steps)
    self.stepsPerEpoch = stepsPerEpoch
    totalSteps = steps
    model.initialize(weights, seed: seed, by: compute)
  }

  /// The model with the quantizers that are on in a step; after the last one, those of the last one.
  package func model(at step: Int) -> VisionModel { phases[step] }

  /// The same without Q1.
  func modelWithFullInputs(at step: Int) -> VisionModel { phases.withFullInputs(step) }

  /// The moving averages that Q2 rounds by once `step` steps are done; nil for none. Whoever evaluates or deploys the
  /// model uses them too.
  package func averages(step: Int) -> AlignedBuffer<Float>? {
    remedies.lazy.compactMap { $0.weightAverages(step: step) }.first
  }

  /// Forward, backward and one AdamW step on a batch, with what the remedies do around them.
  ///
  /// - Parameters:
  ///   - images: [B, channels·imageSize·imageSize].
  ///   - mixedShare: λ of a batch that was mixed (`Batch.mixedShare`).
  ///   - step: 0, 1, …
  /// - Throws: `NonFiniteTensor` with the step, before the weights are touched.
  package func run(
    _ images: FloatMatrix, labels: [Int], mixedShare: Float = 1, step: Int
  ) throws -> BatchScore {
    let batch = TrainingBatch(images: images, labels: labels, mixedShare: mixedShare)
    try tryOut(step, on: batch)
    return try update(step: step, rateOf: step) { try $0(batch, 0) }
  }

  /// The same on the mean over the micro-batches of a feed's next step.
  ///
  /// - Returns: the score of all of them, and which step of the feed's epoch that was; nil after its last.
  /// - Throws: what the feed throws, and as above.
  package func run(_ feed: StepFeed, step: Int) throws -> (score: BatchScore, part: Int)? {
    guard let part = try feed.nextStep() else { return nil }
    try tryOut(step, on: nil)
    return (try update(step: step, rateOf: step) { try feed.forEach(of: part, $0) }, part)
  }

  /// Lets the remedies try out what they want to know before a step.
  ///
  /// - Parameter batch: what the trials see where there are no calibration batches.
  private func tryOut(_ step: Int, on batch: TrainingBatch?) throws {
    for remedy in remedies {
      try remedy.beforeStep(view(step, averages: averages(step: step))) { steps, observe in
        try trial(steps, from: step, on: batch, observe)
      }
    }
  }

  /// Runs plain steps on calibration batches, at the learning rate of the step at hand, and brings everything back to
  /// the bit. Of the remedies only the quantizer's averages take part.
  private func trial(
    _ steps: Int, from step: Int, on batch: TrainingBatch?, _ observe: (TrainingView) -> Void
  ) throws {
    func openFeed() throws -> StepFeed {
      if let calibration { return try calibration(step) }
      guard let batch else { preconditionFailure("a feed without calibration batches") }
      return StepFeed(batch)
    }
    let saved = Snapshot(state)
    defer {
      saved.restore()
      precondition(saved.isRestored(in: state), "a trial left traces")
    }
    var feed = try openFeed()
    var done = 0
    while done < steps {
      guard let part = try feed.nextStep() else {
        // A small data set: once more.
        try ranks.alike { if done == 0 { throw LoaderError.noImages } }
        feed = try openFeed()
        continue
      }
      _ = try update(step: step + done, rateOf: step, isTrial: true) {
        try feed.forEach(of: part, $0)
      }
      done += 1
      observe(view(step + done, averages: averages(step: step + done)))
    }
  }

  /// Calls its argument with each micro-batch of a step and its number.
  private typealias MicroBatches = ((TrainingBatch, Int) throws -> Void) throws -> Void

  /// - Parameter rateStep: the step whose learning rate is taken.
  private func update(
    step: Int, rateOf rateStep: Int, isTrial: Bool = false, _ forEach: MicroBatches
  ) throws -> BatchScore {
    do {
      let score = try accumulate(step: step, isTrial: isTrial, forEach)
      if !isTrial {
        forEachRemedy { $0.beforeUpdate(view(step, averages: averages(step: step))) }
      }
      let norm = profile.measure(.optimizer) {
        optimizer.step(
          step + 1, learningRate: learningRate(rateStep), weights: weights,
          gradients: gradients,
          periods: isTrial ? nil : remedies.lazy.compactMap(\.updatePeriods).first, by: compute)
      }
      if !norm.isFinite {
        _ = try ranks.agree {
          if let failure { throw failure }
          return []
        }
        try ranks.alike {
          let name = firstNonFinite(in: gradients)
          throw NonFiniteTensor(tensor: "the gradient" + (name.map { " of \($0)" } ?? ""))
        }
      }
      inputMeans.follow(step, weights, gradients, by: compute)
      outlierChannels.follow(step, weights, gradients, by: compute)
      if let shards = optimizer.shards {
        try profile.measure(.exchange) { try shards.gather(weights) }
      }
      forEachRemedy { remedy in
        if !isTrial || remedy.takesPartInTrials {
          remedy.afterUpdate(view(step, averages: averages(step: step + 1)))
        }
      }
      return score
    } catch var error as NonFiniteTensor {
      error.step = step
      throw error
    }
  }

  /// The gradient of the mean loss over a step's images, the mean over its micro-batches where they are whole.
  private func accumulate(
    step: Int, isTrial: Bool, _ forEach: MicroBatches
  ) throws -> BatchScore {
    let counted = isTrial ? nil : census
    // Of several ranks each counts its own, and then all are told.
    let ownCensus = ranks.count == 1 ? counted : counted.map { _ in QuantizerCensus() }
    tree.begin()
    var scores = ScoreList(isShared: ranks.count > 1)
    var (hasMet, total): (Bool, BatchScore?) = (false, nil)
    do {
      try forEach { batch, number in
        try workspace.frame {
          try computeGradients(
            batch, number: number, step: step, isTrial: isTrial, census: ownCensus
          ) { score in
            scores.add(score)
            // Of several, a smaller one counts by its images.
            let share = Float(score.count) / Float(microBatchSize)
            tree.expect(number, scaledBy: tree.microBatches > 1 ? share : 1)
            guard tree.isLast(number) else { return }
            hasMet = true
            total = try meet(scores)
          }
        }
        tree.take()
      }
      if !hasMet {
        hasMet = true
        tree.close()
        total = try meet(scores)
      }
    } catch {
      if !hasMet { _ = try ranks.agree { throw error } }
      // The others wait for gradients: they get some by which all end.
      guard total != nil, ranks.count > 1 else { throw error }
      failure = error
      tree.spoil()
    }
    // Of one rank it is no waiting.
    try (ranks.count > 1 ? profile : nil).measure(.exchange) { try tree.finish() }
    guard let total else { preconditionFailure("a step without a score") }
    if ranks.count > 1, let counted, let ownCensus { try ranks.add(ownCensus, to: counted) }
    if tree.microBatches > 1 {
      compute.scale(gradients.matrix(), by: Float(microBatchSize) / Float(total.count))
    }
    return total
  }

  /// The score of all ranks, each of which knows the losses of its micro-batches, and is about to know their gradients.
  ///
  /// - Throws: as `Ranks.agree`.
  private func meet(_ scores: ScoreList) throws -> BatchScore {
    if ranks.count == 1 { return scores.total }
    let (total, nodes) = try profile.measure(.exchange) {
      try ranks.sum(scores, beside: tree.ownNodes)
    }
    tree.beginExchange(nodes)
    return total
  }

  private func forEachRemedy(_ body: (any Remedy) -> Void) {
    if remedies.isEmpty { return }
    profile.measure(.remedy) { remedies.forEach(body) }
  }

  func view(_ step: Int, averages: AlignedBuffer<Float>?) -> TrainingView {
    TrainingView(
      compute, step: step, totalSteps: totalSteps, stepsPerEpoch: stepsPerEpoch,
      learningRate: learningRate, weights: weights, gradients: gradients,
      averages: averages, quantizer: weightQuantizer, arena: workspace.scratch)
  }

  /// The gradients of a micro-batch.
  ///
  /// - Parameter scored: is called between the forward and the backward pass.
  private func computeGradients(
    _ batch: TrainingBatch, number: Int, step: Int, isTrial: Bool, census: QuantizerCensus?,
    scored: (BatchScore) throws -> Void
  ) throws {
    // A trial draws other random numbers than the steps that it foresees.
    let randomStep = isTrial ? step | 1 << 31 : step
    var context = StepContext(
      compute, seed: seed, step: randomStep, microBatch: number, profile: profile, census: census)
    context.isTraining = number == 0
    if number == 0 {
      context.recalibration = Recalibration(step: step, stepsPerEpoch: stepsPerEpoch)
    }
    var pass = Pass(
      compute, weights: weights, weightAverages: averages(step: step), workspace: workspace,
      context: context, training: true, recomputation: recomputation)
    pass.sampledWeights = remedies.lazy.compactMap(\.sampledWeights).first
    compute.fill(gradients.matrix(), with: 0)
    let model = model(at: step)
    let (logits, saved) = try model.forward(batch.images, pass)
    let dlogits = workspace.scratch.matrix(rows: logits.rows, columns: logits.columns)
    let targets = Targets(
      labels: batch.labels, mixedShare: batch.mixedShare, smoothing: labelSmoothing)
    let score = compute.crossEntropy(logits, targets, gradient: dlogits)
    guard score.loss.isFinite else {
      throw NonFiniteTensor(tensor: "the training loss", step: step)
    }
    try scored(score)
    try model.backward(dlogits: dlogits, saved, gradients: gradients, pass) { depth in
      if ranks.count > 1 { tree.take(from: layers[depth]) }
    }
  }
}
