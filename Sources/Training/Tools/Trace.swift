import Files
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// One training step laid open, for anyone who compares implementations.
///
/// Reads a model (`model.*` under timm's names, its shape in the metadata), `images` [B, channels, height,
/// width] and `labels` [B], and for Q-EMA `model.NAME.ema` beside the quantized weights (without them, they round to the
/// nearest, as in the first steps); writes `logits` [B, K], `loss` [1] (mean cross entropy) and `grad.<name>`, and in the
/// metadata how many products of linear layers each engine computed (`products_packed`, `products_simulated`).
///
/// - Parameters:
///   - settings: the method, and what is to be otherwise than it has it (`Recipe.init(tracing:settings:)`).
///   - seed: of stochastic rounding, where the settings name none.
/// - Throws: `SafetensorsError`, `ModelError`, `RecipeError`, `FileError`, `OutputError`, `NonFiniteTensor`.
package func traceStep(
  _ input: String, output: OutputFile, settings: [RecipeSetting], seed: UInt64,
  on compute: any TrainingCompute
) throws {
  let step = try TracedStep(input, settings: settings, seed: seed, compute)
  let products = ProductCensus()
  let gradients = AlignedBuffer<Float>(count: step.model.parameters.count)
  let result = try step.run(step.model, seed: step.seed, products: products, gradients: gradients)
  try writeSafetensors(
    output,
    tensors: step.tensors(result)
      + step.model.parameters.learned.tensors(of: gradients, prefix: "grad."),
    metadata: step.model.configuration.metadata.merging(
      Engine.allCases.map { ("products_\($0.rawValue)", "\(products[$0])") }
    ) { $1 })
}

/// A step that can be computed again and again: a model with its weights, and a batch.
struct TracedStep {
  /// What it is computed by.
  let recipe: Recipe
  /// The model that computes by it.
  let model: VisionModel
  /// The seed of stochastic rounding.
  let seed: UInt64

  private let compute: any TrainingCompute
  private let weights: AlignedBuffer<Float>
  private let averages: AlignedBuffer<Float>?
  private let images: AlignedBuffer<Float>
  private let labels: [Int]
  private let workspace = Workspace()

  /// Logits [B, K] and the mean cross entropy.
  typealias Result = (logits: [Float], loss: Float)

  /// Reads what `traceStep` says.
  init(
    _ input: String, settings: [RecipeSetting], seed: UInt64, _ compute: any TrainingCompute
  ) throws {
    self.compute = compute
    let file = try SafetensorsFile(path: input)
    recipe = try Recipe(tracing: ModelConfiguration(metadataOf: file), settings: settings)
    self.seed = settings.contains { $0.name == "seed" } ? UInt64(recipe.seed) : seed
    model = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    weights = try model.parameters.read(from: file, prefix: "model.")
    averages = try model.parameters.readAverages(from: file, prefix: "model.")

    let shape = model.configuration
    let batch = try file.entry("images").shape.first ?? 0
    let values = try file.floats(
      "images", shape: [batch, shape.channels, shape.imageSize, shape.imageSize])
    images = AlignedBuffer(count: values.count)
    _ = images.elements.update(fromContentsOf: values)
    let labels = try file.integers("labels")
    guard labels.count == batch, batch > 0 else {
      throw file.error(.shape(tensor: "labels", found: [labels.count], expected: [batch]))
    }
    guard labels.allSatisfy((0..<shape.classes).contains) else {
      throw file.error(
        .unsuitable(
          tensor: "labels", type: "I64", expected: "labels from 0 to \(shape.classes - 1)"))
    }
    self.labels = labels
  }

  /// The step of a run's last weights, and averages under Q-EMA, on some of its training images, spread over the classes.
  ///
  /// - Throws: `FileError`, `SafetensorsError`, `RecipeError`, loader errors.
  init(
    run: String, images count: Int, settings: [RecipeSetting], seed: UInt64,
    _ compute: any TrainingCompute
  ) throws {
    self.compute = compute
    if let shape = settings.first(where: {
      $0.name.hasPrefix("model.") && $0.name != "model.attention"
    }) {
      throw RecipeError(
        key: shape.name, found: "'\(shape.text)'",
        expected: "left out: the run's weights have the shape of its model",
        location: shape.location)
    }
    let checkpoint = try CheckpointFile(path: RunDirectory(reading: run).last)
    recipe = try checkpoint.recipe.traced(by: settings)
    self.seed = settings.contains { $0.name == "seed" } ? UInt64(recipe.seed) : seed
    model = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    // A method can have parameters that the run's own has not, and the other way round.
    let trained = checkpoint.model.parameters
    if let stranger = model.parameters.stranger(to: trained) {
      throw recipe.untrained(stranger, run)
    }
    weights = try model.parameters.read(from: checkpoint.tensors, besides: trained)
    averages = try model.parameters.readAverages(from: checkpoint.tensors)
    let own = try Recipe(settings: RecipeSetting.read(RunDirectory(reading: run).recipe))
    let data = try DataLocation(own.data.path, besideRun: run).open(own.data.split).data
    guard let batch = try own.batch(of: count, from: data.train) else {
      throw LoaderError.noImages
    }
    labels = batch.labels
    images = batch.withMatrix { numbers in
      let images = AlignedBuffer<Float>(count: numbers.count)
      _ = images.elements.update(from: numbers.elements)
      return images
    }
  }

  /// How many images it is of.
  var count: Int { labels.count }

  /// Computes the step by a model of this one's shape.
  ///
  /// - Parameter gradients: overwritten, in the layout of the model's parameters.
  /// - Throws: `NonFiniteTensor`.
  func run(
    _ model: VisionModel, seed: UInt64, products: ProductCensus? = nil,
    gradients: AlignedBuffer<Float>
  ) throws -> Result {
    compute.fill(gradients.matrix(), with: 0)
    return try workspace.frame {
      let pass = Pass(
        compute, weights: weights, weightAverages: averages, workspace: workspace,
        context: StepContext(compute, seed: seed, step: 0, products: products))
      let (logits, saved) = try model.forward(images.matrix(rows: labels.count), pass)
      let dlogits = workspace.kept.matrix(rows: labels.count, columns: model.configuration.classes)
      let score = compute.crossEntropy(logits, Targets(labels: labels), gradient: dlogits)
      try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
      return (Array(logits.elements), Float(score.meanLoss))
    }
  }

  /// What a step gave beside its gradients, to be written.
  func tensors(_ result: Result) -> [OutgoingTensor] {
    [
      .floats("logits", shape: [labels.count, model.configuration.classes], result.logits),
      .floats("loss", shape: [1], [result.loss]),
    ]
  }
}

extension ParameterTable {
  /// The first entry that another table lacks.
  fileprivate func stranger(to other: ParameterTable) -> Entry? {
    let known = Set(other.entries.map(\.name))
    return entries.first { !known.contains($0.name) }
  }
}

extension Recipe {
  /// What is said of quantizers that need a tensor which a run has not made.
  fileprivate func untrained(_ entry: ParameterTable.Entry, _ run: String) -> RecipeError {
    let key =
      switch entry.part.role {
      case .means: "quantizers.mean_split"
      case .channels: "outcontrol.share"
      default: "method"
      }
    return RecipeError(
      key: key, found: "'\(values[key] ?? "")'",
      expected: "what \(run) was trained by: its training has made no '\(entry.name)'")
  }
}
