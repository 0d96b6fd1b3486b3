import ImageData
import MXLinear
import Oscillation
import VisionModels

/// Everything that determines a training run. One recipe is one experiment.
///
/// The keys, their meaning and their limits stand in `RecipeKey.all`.
package struct Recipe: Equatable, Sendable {
  /// `data.*`
  package struct Data: Equatable, Sendable {
    /// "digits" or a path.
    package var path = "digits"
    /// What is kept out of training to test with, where there are no labelled test images.
    package var split = ValidationSplit()
    /// Mean of the channels, of values in 0…1.
    package var mean: [Float] = [0.485, 0.456, 0.406]
    /// Standard deviation of the channels, of values in 0…1.
    package var standardDeviation: [Float] = [0.229, 0.224, 0.225]
    /// The share of the shorter side that evaluation shows.
    package var cropRatio = 1.0
    /// What is done at random to the images of training: by default a crop with 4 pixels of padding, and flips.
    package var augmentation: Augmentation = {
      var augmentation = Augmentation()
      (augmentation.cropPadding, augmentation.flipProbability) = (4, 0.5)
      return augmentation
    }()
    /// Threads that decode ahead.
    package var workers = 2
    /// Memory for decoded images.
    package var cacheMegabytes = 1024
    /// Whether JPEGs are decoded whole before they are resized.
    package var exactDecoding = false
    /// The share of broken images above which the run stops.
    package var maximumBrokenShare = 0.01
  }

  /// `training.*`
  package struct Training: Equatable, Sendable {
    /// Passes over the training images.
    package var epochs = 10
    /// Images a step.
    package var batchSize = 128
    /// Images that go through the model together; 0 for the whole batch. A step is the mean over its micro-batches,
    /// each of which draws its own mixing and its own random numbers, as the authors' processes do; and the groups of
    /// tokens of Q5 and Q6 end with it. So it belongs to what is computed, and memory is that of one micro-batch.
    package var microBatch = 0
    /// What the backward pass computes again instead of keeping it: memory for time, and no bit.
    package var recomputation = Recomputation.block
    /// Whether what is left of an epoch behind its last whole batch is left out.
    package var dropsLast = false
    /// Share of the target that is spread over all classes.
    package var labelSmoothing: Float = 0.1
    /// Epochs between two evaluations; the last epoch is always evaluated.
    package var evaluateEvery = 1
    /// Evaluations without a better top-1 after which the run ends; 0 for all epochs.
    package var patience = 0
    /// Steps between two lines of metrics.
    package var logEvery = 50
    /// Decay of a moving average of the weights that is evaluated beside them; 0 for none.
    package var averageDecay: Float = 0
    /// Whether the metrics are also written as event files for TensorBoard.
    package var tensorboard = false

    /// Images of a whole micro-batch.
    package var microBatchSize: Int { microBatch > 0 ? microBatch : batchSize }
    /// How many of these a step has.
    package var microBatches: Int { batchSize / microBatchSize }

    /// Steps of an epoch over some images.
    package func stepsPerEpoch(images: Int) -> Int {
      dropsLast ? images / batchSize : (images - 1) / batchSize + 1
    }

    /// Whether a run ends before its last epoch, after so many evaluations without a better top-1.
    func stopsEarly(after evaluations: Int) -> Bool { patience > 0 && evaluations >= patience }
  }

  /// `checkpoint.*`: how much work a kill can cost. Whatever they say, a checkpoint is saved at the end of each epoch.
  package struct Checkpoints: Equatable, Sendable {
    /// Minutes from one checkpoint to the next; 0 for none by the clock.
    package var everyMinutes = 10.0
    /// Steps from one checkpoint to the next; 0 for none by steps.
    package var everySteps = 0
    /// The last epochs whose weights are kept in files of their own.
    package var keep = 0
  }

  /// `parallel.*`: how several processes train together. Nothing of it changes what they train.
  package struct Parallel: Equatable, Sendable {
    /// Seconds after which a rank that does not answer ends the run; 0 for never.
    package var timeLimit = 1800
    /// Whether each rank keeps the moments of a part of the weights, and updates only these.
    package var shardMoments = false
  }

  /// `optimizer.*`
  package struct Optimizer: Equatable, Sendable {
    /// The peak learning rate.
    package var learningRate: Float = 1e-3
    /// Decay of the first moment.
    package var beta1: Float = 0.9
    /// Decay of the second moment.
    package var beta2: Float = 0.999
    /// Added to the root of the second moment.
    package var epsilon: Float = 1e-8
    /// Decoupled decay of weight matrices.
    package var weightDecay: Float = 0.05
    /// The largest norm of the whole gradient; 0 leaves it as it is.
    package var clipGradientNorm: Float = 0
  }

  /// `schedule.*`
  package struct Schedule: Equatable, Sendable {
    /// What the rate is a function of.
    package enum Unit: String, CaseIterable, Sendable {
      /// Every step has a rate of its own.
      case step
      /// The steps of an epoch have that of its first.
      case epoch
    }

    /// Epochs of linear warm-up.
    package var warmupEpochs: Float = 1
    /// The learning rate at the first step.
    package var warmupLearningRate: Float = 1e-6
    /// The learning rate at the end of the cosine.
    package var finalLearningRate: Float = 1e-5
    /// Whether every step has a rate of its own, or every epoch.
    package var unit = Unit.step
    /// Epochs by which the schedule comes late: 1 for the authors' loop.
    package var lagEpochs: Float = 0
  }

  /// `fine_tuning.*`
  package struct FineTuning: Equatable, Sendable {
    /// A file of pretrained weights to start from; "none" for initial values.
    package var initialWeights = "none"
    /// Factor on the learning rate from each layer to the one before it; 1 for the same everywhere.
    package var layerDecay: Float = 1
    /// Whether the patch embedding stays as it is.
    package var freezesPatchEmbedding = false
  }

  /// `statistics.*`: what `metrics.jsonl` says of the oscillation of weights.
  package struct Statistics: Equatable, Sendable {
    /// Whether any are made.
    package var enabled = true
    /// Steps from one window to the next, counted back from the end of training; 0 for an epoch, or twelve windows where
    /// that is longer: about 1 % of the time of the CIFAR-10 recipe, 3.5 % of the digits' tiny steps.
    package var interval = 0
    /// Steps of a window, the paper's T0.
    package var window = 30
    /// Test images of the fixed batch on which r(Y) is measured, spread over the classes; 0 leaves it out.
    package var images = 16
    /// The block whose output Y is, from 1; 0 for three quarters of the depth, the paper's 9th of 12.
    package var block = 0
    /// Whether inputs of quantized layers and their codes are followed on the fixed batch, too, and r(Y) without Q1.
    package var inputs = false
    /// Weights whose path through a window is written down.
    package var trajectories = 4
    /// Whether each layer's confidences are written down.
    package var layers = true
  }

  /// The method: quantizers and remedies.
  package var method = Method.tetrajet
  /// How products are computed.
  package var engine = Engine.packed
  /// The seed of everything random.
  package var seed = 0
  /// Where the images are and how they are prepared.
  package var data = Data()
  /// The model's shape; its classes come from the data.
  package var model = ModelConfiguration(
    imageSize: 32, patchSize: 8, width: 96, depth: 6, heads: 3, classes: 1)
  /// Epochs, batch, loss.
  package var training = Training()
  /// How often the run is saved.
  package var checkpoints = Checkpoints()
  /// How several processes share it out.
  package var parallel = Parallel()
  /// AdamW.
  package var optimizer = Optimizer()
  /// The learning rate over time.
  package var schedule = Schedule()
  /// Where the weights start, and how far the first layers may go from there.
  package var fineTuning = FineTuning()
  /// The hyper-parameters of the method's remedies, and of those it does without.
  package var remedies = RemedySettings()
  /// β of μ ← β·μ + (1 − β)·mean(X), once a step, where layers quantize what inputs are beside such a mean.
  package var meanDecay: Float = 0.99
  /// What is measured of the weights on the way.
  package var statistics = Statistics()
  /// The six quantizers: the method's, with what the recipe changes.
  package var linear = Method.tetrajet.linearRecipe
  /// When each of them is on.
  package var windows = QuantizerWindows()
  /// When channels in a wide format are chosen, where there are any (`LinearRecipe.outControl`).
  package var outlierCount = OutlierCount()

  /// The defaults for images of one's own: the shape and the rates of the CIFAR-10 recipe.
  package init() {}

  /// The defaults for the built-in digits, 8 × 8 pixels in grey: trained in seconds.
  package static let digits: Recipe = {
    var recipe = Recipe()
    recipe.data.mean = [0.3]
    recipe.data.standardDeviation = [0.38]
    recipe.data.augmentation = Augmentation()
    recipe.model = ModelConfiguration(
      imageSize: 8, patchSize: 4, channels: 1, width: 64, depth: 3, heads: 4, classes: 1,
      dropPath: 0.2)
    recipe.training.epochs = 60
    recipe.training.batchSize = 32
    recipe.optimizer.learningRate = 3e-3
    recipe.schedule.warmupEpochs = 2
    // 2,700 short steps: an average that forgets sooner than the paper's, and a detection every ten epochs, not 30 extra
    // steps for each 45.
    recipe.remedies.qema.beta = 0.98
    recipe.remedies.qramping.updateEvery = 450
    return recipe
  }()

  /// Q-EMA's β as the paper tuned it for its models (Table 8); others have the default.
  static let tunedBeta: [String: Float] = [
    "deit_tiny_patch16_224": 0.9983, "deit_small_patch16_224": 0.9972,
    "deit_base_patch16_224": 0.999, "swin_tiny_patch4_window7_224": 0.9975,
    "swin_small_patch4_window7_224": 0.998,
  ]

  /// The names that `model.preset` takes.
  package static let modelPresets = ModelConfiguration.presets.map(\.name)

  /// How images become numbers.
  package var preprocessing: Preprocessing {
    Preprocessing(
      imageSize: model.imageSize, channels: model.channels, mean: data.mean,
      standardDeviation: data.standardDeviation, cropRatio: data.cropRatio,
      exactDecoding: data.exactDecoding, augmentation: data.augmentation)
  }

  /// Checks what single keys cannot: combinations.
  ///
  /// - Throws: `RecipeError` or `ModelError`.
  package func validate() throws {
    var model = model
    // The classes come from the data, later.
    model.classes = max(1, model.classes)
    try Self.validate(model)
    for (key, values) in [("mean", data.mean), ("standard_deviation", data.standardDeviation)] {
      guard values.count == model.channels else {
        throw RecipeError(
          key: "data.\(key)", found: "\(values.count) numbers",
          expected: "\(model.channels), one for each of model.channels")
      }
    }
    guard data.augmentation.cropPadding <= model.imageSize else {
      throw RecipeError(
        key: "data.crop_padding", found: "\(data.augmentation.cropPadding)",
        expected: "at most model.image_size, which is \(model.imageSize)")
    }
    try validateMicroBatches()
    guard statistics.block <= model.blocks else {
      throw RecipeError(
        key: "statistics.block", found: "\(statistics.block)",
        expected: "at most \(model.blocks), the blocks of the model")
    }
    try validateRemedies()
  }

  private func validateMicroBatches() throws {
    let (batch, micro) = (training.batchSize, training.microBatch)
    guard micro > 0 else { return }
    guard micro <= batch, batch.isMultiple(of: micro) else {
      // The nearest that would do.
      let divisors = (1...batch).filter { batch.isMultiple(of: $0) }
      let nearest = divisors.min { abs($0 - micro) < abs($1 - micro) } ?? batch
      throw RecipeError(
        key: "training.micro_batch", found: "\(micro)",
        expected: "0, or a divisor of training.batch_size, which is \(batch): \(nearest), say")
    }
    let limit = StepContext.maximumMicroBatches
    guard training.microBatches <= limit else {
      throw RecipeError(
        key: "training.micro_batch", found: "\(micro)",
        expected: "at least \((batch - 1) / limit + 1), for at most \(limit) a step")
    }
  }

  /// Checks that the quantizers are what the method's remedies need.
  func validateRemedies() throws {
    try method.validate()
    if linear.rotated != nil, let operand = Operand.allCases.first(where: { linear[$0] != nil }) {
      throw RecipeError(
        key: "quantizers.\(operand.rawValue).enabled", found: "true",
        expected: "false: \(method.rawValue) has steps of its own in place of quantizers")
    }
    try validateLayers()
    if linear[.q2] == nil, let remedy = method.remedies.first {
      throw RecipeError(
        key: "quantizers.q2.enabled", found: "false",
        expected: "true: \(remedy.rawValue) calms quantized weights")
    }
    for operand in Operand.allCases {
      guard let rounding = linear[operand]?.rounding else { continue }
      let averages = operand == .q2 && method.roundsByAverages
      guard averages != (rounding == .ema) else { continue }
      throw RecipeError(
        key: "quantizers.\(operand.rawValue).rounding", found: rounding.rawValue,
        expected: averages
          ? "ema, which is what qema and osmq are; leave them out of the method for another"
          : "nearest-even, nearest-away or stochastic: only q2 has moving averages, and only with "
            + "qema in the method, as in tetrajet+qema")
    }
    if linear[.q2]?.rounding == .stochastic, let remedy = method.remedies.first {
      throw RecipeError(
        key: "quantizers.q2.rounding", found: "stochastic",
        expected:
          "nearest-even or nearest-away: what \(remedy.rawValue) watches must not move by itself")
    }
    guard statistics.interval == 0 || statistics.interval >= statistics.window else {
      throw RecipeError(
        key: "statistics.interval", found: "\(statistics.interval)",
        expected: "0, or at least statistics.window, which is \(statistics.window)")
    }
    guard remedies.oscireset.period >= remedies.oscireset.window else {
      throw RecipeError(
        key: "oscireset.period", found: "\(remedies.oscireset.period)",
        expected: "at least oscireset.window, which is \(remedies.oscireset.window)")
    }
  }
}
