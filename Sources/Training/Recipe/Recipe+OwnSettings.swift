import Files
import ImageData
import VisionModels

/// What tells recipes apart, for tables of runs.
extension Recipe {
  /// Every key with its value as text.
  package var values: [String: String] {
    Dictionary(
      uniqueKeysWithValues: RecipeKey.all.map { key in
        let text = key.write(self)
        let word =
          text.hasPrefix("\"") ? try? parseJSON(text.utf8, as: String.self) : nil
        return (key.name, word ?? text)
      })
  }

  /// The recipe that follows from the method, the kind of data and the preset alone: what nobody set.
  package var own: Recipe {
    var own = data.path == "digits" ? Recipe.digits : Recipe()
    own.method = method
    own.linear = method.linearRecipe
    if let name = presetName, let model = try? ModelConfiguration.preset(name) {
      own.model = model
      own.remedies.qema.beta = Self.tunedBeta[name] ?? own.remedies.qema.beta
    }
    if method.base == .bf16 { own.model.attention = .bf16 }
    return own
  }

  /// The preset whose shape the model has; what presets leave open (resolution, drop path, epsilon) may differ.
  package var presetName: String? {
    Self.modelPresets.first { name in
      guard var preset = try? ModelConfiguration.preset(name) else { return false }
      (preset.classes, preset.imageSize) = (model.classes, model.imageSize)
      (preset.dropPath, preset.normEpsilon) = (model.dropPath, model.normEpsilon)
      preset.classTokenDeviation = model.classTokenDeviation
      (preset.layerScale, preset.attention) = (model.layerScale, model.attention)
      return preset == model
    }
  }
}
