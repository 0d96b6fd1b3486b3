import ArgumentParser
import Training

/// The options that say what is trained: a recipe, and flags for the keys that are set most often.
struct RecipeOptions: ParsableArguments {
  @Argument(
    help: "A recipe in YAML, which may build on a 'base:'.",
    completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp("'digits', a folder of images, or an archive of such.", valueName: "path")
  )
  var data: String?

  @Option(
    help: ArgumentHelp("Quantizers and remedies: 'tetrajet keys method'.", valueName: "name"),
    completion: .methods)
  var method: String?

  @Option(
    help: ArgumentHelp("A model by name: 'tetrajet models'.", valueName: "name"),
    completion: .list(Recipe.modelPresets))
  var model: String?

  @Option(help: ArgumentHelp("Pixels a side of the model's images.", valueName: "n"))
  var imageSize: String?

  @Option(help: ArgumentHelp("Passes over the training images.", valueName: "n"))
  var epochs: String?

  @Option(help: ArgumentHelp("Images a step.", valueName: "n"))
  var batchSize: String?

  @Option(help: ArgumentHelp("The peak learning rate.", valueName: "rate"))
  var lr: String?

  @Option(
    help: ArgumentHelp(
      "Weights to start from: safetensors, GGUF, or a run.", valueName: "path"))
  var `init`: String?

  @Option(
    help: ArgumentHelp("How products are computed: packed, simulated.", valueName: "name"),
    completion: .list(["packed", "simulated"]))
  var engine: String?

  @Option(help: ArgumentHelp("The seed of everything random.", valueName: "n"))
  var seed: String?

  @Option(
    help: ArgumentHelp("Set any recipe key. May be repeated.", valueName: "key=value"),
    completion: .assignments)
  var set: [String] = []

  /// What the recipe and the flags say, the flags last.
  ///
  /// - Throws: what is wrong with the recipe's file, or with a `--set`.
  func settings() throws -> [RecipeSetting] {
    let flags: [(key: String, value: String?, flag: String)] = [
      ("data.path", data, "--data"), ("method", method, "--method"),
      (RecipeKey.presetName, model, "--model"), ("model.image_size", imageSize, "--image-size"),
      ("training.epochs", epochs, "--epochs"), ("training.batch_size", batchSize, "--batch-size"),
      ("optimizer.learning_rate", lr, "--lr"), ("fine_tuning.init", `init`, "--init"),
      ("engine", engine, "--engine"), ("seed", seed, "--seed"),
    ]
    return try (recipe.map { try RecipeSetting.read($0) } ?? [])
      + flags.compactMap { key, value, flag in
        value.map { RecipeSetting(key, $0, flag: flag) }
      } + set.map { try RecipeSetting(assignment: $0) }
  }
}
