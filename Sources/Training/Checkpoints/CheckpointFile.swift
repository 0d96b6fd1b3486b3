import Files
import VisionModels

/// A model's file, opened, and all that it says of the model; its tensors are read by whoever wants them.
struct CheckpointFile {
  /// Its tensors under our names.
  let tensors: ModelTensors
  /// The file.
  let weights: WeightFile
  /// What `Checkpoint` has of it.
  let recipe: Recipe
  let model: VisionModel
  let data: TrainingData
  let classNames: [String]

  /// Opens a file; a folder stands for the weights in it (`WeightFolder`).
  ///
  /// - Throws: as `Checkpoint`.
  init(path: String) throws {
    let file = try WeightFile(path: path)
    (recipe, model) = try Self.model(of: file, file.quantization)
    (weights, tensors) = (file, ModelTensors(file, of: model))
    data = TrainingData(file, recipe)
    classNames =
      try file.metadata["class_names"].map { text in
        guard let names = try? parseJSON(text.utf8, as: [String].self) else {
          throw file.error(.metadata(key: "class_names", found: text, expected: "a list of names"))
        }
        return names
      } ?? []
  }

  /// The recipe and the model that a file's metadata describe.
  ///
  /// - Parameter quantization: how its weights are stored, where as 4-bit codes: they are not quantized anew.
  static func model(
    of file: some TensorFile, _ quantization: StoredQuantization?
  ) throws -> (recipe: Recipe, model: VisionModel) {
    var recipe = Recipe()
    if let trained = try Checkpoint.recipe(of: file) {
      recipe = trained
      (recipe.linear, recipe.windows) = (trained.deployedLinear, QuantizerWindows())
    } else {
      recipe.method = .fp32
      recipe.linear = .fp32
      recipe.data.path = TrainingData.unknownPath
    }
    let dropPath = recipe.model.dropPath
    recipe.model = try ModelConfiguration(metadataOf: file)
    recipe.model.dropPath = dropPath
    // A model has at least twelve tensors a block: none is described that the file cannot fill.
    let tensors = file.tensorNames.count
    let most = tensors / 12
    guard recipe.model.blocks <= most else {
      throw file.error(
        .metadata(
          key: "depth", found: "\(recipe.model.blocks)",
          expected: "at most \(most): the file has \(tensors) tensors"))
    }
    if let quantization, let weights = recipe.linear[.q2] {
      recipe.linear[.q2] = quantization.keepingValues(weights, recipe.engine)
    }
    return (recipe, try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine))
  }
}
