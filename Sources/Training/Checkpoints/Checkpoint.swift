import Files
import Foundation
import MXRuntime
import VisionModels

/// A trained model in a file: timm's parameter names, and in the metadata what is needed to use it again.
package struct Checkpoint: Sendable {
  /// The recipe it was trained by; of a foreign file, the defaults around its shape.
  package let recipe: Recipe
  /// Where the images are that it was trained on, if anybody knows.
  let data: TrainingData
  /// The classes' names by label; empty where the file does not say.
  package let classNames: [String]
  /// The model's description.
  package let model: VisionModel
  /// The weights.
  package let weights: AlignedBuffer<Float>
  /// The moving averages that they round by under Q-EMA; nil where the file has none.
  package let averages: AlignedBuffer<Float>?

  /// Reads a checkpoint; a folder stands for its `last.safetensors`.
  ///
  /// - Throws: `FileError`, `SafetensorsError` and `GGUFError` (also where bytes have changed since it was written),
  ///   `ModelError` for another architecture, `RecipeError`.
  package init(path: String) throws { try self.init(CheckpointFile(path: path)) }

  /// Reads an open file.
  init(_ file: CheckpointFile) throws {
    weights = try file.model.parameters.read(from: file.tensors)
    averages = try file.model.parameters.readAverages(from: file.tensors)
    (recipe, model) = (file.recipe, file.model)
    (data, classNames) = (file.data, file.classNames)
  }

  /// Opens a safetensors file, or the one in a folder (`WeightFolder`), whose bytes are those that were written.
  ///
  /// - Throws: `FileError`, `SafetensorsError`.
  static func open(_ path: String) throws -> SafetensorsFile {
    let file = try SafetensorsFile(path: WeightFolder.file(of: path))
    try file.verifyChecksum()
    return file
  }

  /// The recipe that a checkpoint carries; nil for a foreign file.
  static func recipe(of file: some TensorFile) throws -> Recipe? {
    try file.metadata["recipe"].map { yaml in
      let settings = try RecipeSetting.parse(
        yaml: yaml, path: "\(file.path) (metadata 'recipe')")
      // One that does not name its images was trained on others than the built-in ones.
      let unknown = RecipeSetting("data.path", TrainingData.unknownPath, flag: "metadata")
      return try Recipe(settings: [unknown] + settings)
    }
  }

  /// Writes a model's weights with a checksum, atomically; and beside the quantized ones, as NAME.ema, the moving averages that they
  /// round by, so that the codes of training are those of deployment.
  package static func write(
    _ path: String, model: VisionModel, weights: AlignedBuffer<Float>,
    averages: AlignedBuffer<Float>? = nil, recipe: Recipe, classNames: [String],
    trainedOn: String? = nil
  ) throws {
    try writeSafetensors(
      path,
      tensors: model.parameters.tensors(of: weights)
        + (averages.map { model.parameters.averages.tensors(of: $0) } ?? []),
      metadata: metadata(model, recipe, classNames)
        .merging(trainedOn.map { ["train_fingerprint": $0] } ?? [:]) { $1 }, checksum: true)
  }

  /// The metadata's key of the version that wrote a file.
  static let versionKey = "tetrajet.version"

  /// Keys that change no result stay out of the recipe: the same training by the same version gives the same bytes.
  static func metadata(
    _ model: VisionModel, _ recipe: Recipe, _ classNames: [String]
  ) -> [String: String] {
    model.configuration.metadata.merging([
      "method": recipe.method.rawValue,
      // The built-in images are what they are called; where others lie is no part of what was trained.
      "recipe": recipe.yaml {
        $0.changesResult || $0.name == "data.path" && recipe.data.path == "digits"
      },
      "class_names": jsonArray(classNames), versionKey: Version.current,
    ]) { $1 }
  }
}
