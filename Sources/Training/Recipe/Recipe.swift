import ImageData
import MXLinear
import VisionModels

/// Everything that determines a training run. One recipe is one experiment.
///
/// The keys, their meaning and their limits stand in `RecipeKey.all`.
public struct Recipe: Equatable, Sendable {
  /// `data.*`
  public struct Data: Equatable, Sendable {
    /// "digits" or a path.
    public var path = "digits"
    /// Mean of the channels, of values in 0…1.
    public var mean: [Float] = [0.485, 0.456, 0.406]
    /// Standard deviation of the channels, of values in 0…1.
    public var standardDeviation: [Float] = [0.229, 0.224, 0.225]
    /// Black pixels added on each side before a random crop in training.
    public var cropPadding = 4
    /// How often a training image is mirrored.
    public var flipProbability: Float = 0.5
    /// Threads that decode ahead.
    public var workers = 2
    /// Memory for decoded images.
    public var cacheMegabytes = 1024
    /// The share of broken images above which the run stops.
    public var maximumBrokenShare = 0.01
  }

  /// `training.*`
  public struct Training: Equatable, Sendable {
    /// Passes over the training images.
    public var epochs = 10
    /// Images a step.
    public var batchSize = 128
    /// Share of the target that is spread over all classes.
    public var labelSmoothing: Float = 0.1
    /// Epochs between two evaluations; the last epoch is always evaluated.
    public var evaluateEvery = 1
    /// Steps between two lines of metrics.
    public var logEvery = 50
  }

  /// `optimizer.*`
  public struct Optimizer: Equatable, Sendable {
    /// The peak learning rate.
    public var learningRate: Float = 1e-3
    /// Decay of the first moment.
    public var beta1: Float = 0.9
    /// Decay of the second moment.
    public var beta2: Float = 0.999
    /// Added to the root of the second moment.
    public var epsilon: Float = 1e-8
    /// Decoupled decay of weight matrices.
    public var weightDecay: Float = 0.05
    /// The largest norm of the whole gradient; 0 leaves it as it is.
    public var clipGradientNorm: Float = 0
  }

  /// `schedule.*`
  public struct Schedule: Equatable, Sendable {
    /// Epochs of linear warm-up.
    public var warmupEpochs: Float = 1
    /// The learning rate at the first step.
    public var warmupLearningRate: Float = 1e-6
    /// The learning rate at the end of the cosine.
    public var finalLearningRate: Float = 1e-5
  }

  /// The method whose quantizers are used.
  public var method = Method.tetrajet
  /// How products are computed.
  public var engine = Engine.packed
  /// The seed of everything random.
  public var seed = 0
  /// Where the images are and how they are prepared.
  public var data = Data()
  /// The model's shape; its classes come from the data.
  public var model = ViTConfiguration(
    imageSize: 32, patchSize: 8, width: 96, depth: 6, heads: 3, classes: 1)
  /// Epochs, batch, loss.
  public var training = Training()
  /// AdamW.
  public var optimizer = Optimizer()
  /// The learning rate over time.
  public var schedule = Schedule()
  /// The six quantizers: the method's, with what the recipe changes.
  public var linear = Method.tetrajet.linearRecipe

  /// The defaults for images of one's own: the shape and the rates of the CIFAR-10 recipe.
  public init() {}

  /// The defaults for the built-in digits, 8 × 8 pixels in grey: trained in seconds.
  public static let digits: Recipe = {
    var recipe = Recipe()
    recipe.data.mean = [0.3]
    recipe.data.standardDeviation = [0.38]
    recipe.data.cropPadding = 0
    recipe.data.flipProbability = 0
    recipe.model = ViTConfiguration(
      imageSize: 8, patchSize: 4, channels: 1, width: 64, depth: 3, heads: 4, classes: 1,
      dropPath: 0.2)
    recipe.training.epochs = 60
    recipe.training.batchSize = 32
    recipe.optimizer.learningRate = 3e-3
    recipe.schedule.warmupEpochs = 2
    return recipe
  }()

  /// The names that `model.preset` takes.
  public static let modelPresets = ViTConfiguration.presets.map(\.name)

  /// How images become numbers.
  public var preprocessing: Preprocessing {
    Preprocessing(
      imageSize: model.imageSize, channels: model.channels, mean: data.mean,
      standardDeviation: data.standardDeviation, cropPadding: data.cropPadding,
      flipProbability: data.flipProbability)
  }

  /// Checks what single keys cannot: combinations.
  ///
  /// - Throws: `RecipeError` or `ModelError`.
  public func validate() throws {
    var model = model
    // The classes come from the data, later.
    model.classes = max(1, model.classes)
    try model.validate()
    for (key, values) in [("mean", data.mean), ("standard_deviation", data.standardDeviation)] {
      guard values.count == model.channels else {
        throw RecipeError(
          key: "data.\(key)", found: "\(values.count) numbers",
          expected: "\(model.channels), one for each of model.channels")
      }
    }
    guard data.cropPadding <= model.imageSize else {
      throw RecipeError(
        key: "data.crop_padding", found: "\(data.cropPadding)",
        expected: "at most model.image_size, which is \(model.imageSize)")
    }
    for (operand, quantizer) in linear.quantizers where quantizer.rounding == .ema {
      throw RecipeError(
        key: "quantizers.\(operand.rawValue).rounding", found: "ema",
        expected: "nearest-even, nearest-away or stochastic: training keeps no moving average yet")
    }
  }
}
