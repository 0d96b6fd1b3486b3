import VisionModels

extension Recipe {
  /// What one traced step is computed by: a model of a shape, and settings of the method, the engine, the seed, the
  /// quantizers and the shape.
  ///
  /// - Throws: `RecipeError` also for a key that a single step does not read; `ModelError`.
  package init(tracing model: ModelConfiguration, settings: [RecipeSetting]) throws {
    self.init()
    self.model = model
    self = try traced(by: settings)
  }

  /// The same, as settings change what a single step reads.
  ///
  /// - Throws: as above.
  func traced(by settings: [RecipeSetting]) throws -> Recipe {
    var recipe = self
    let settings = settings.withoutDefaults()
    for setting in settings where !Self.isRead(inTraces: setting.name) {
      let section = setting.name + "."
      guard RecipeKey.names.contains(where: { $0 == setting.name || $0.hasPrefix(section) }) else {
        throw RecipeError.unknown(setting.name, location: setting.location)
      }
      throw RecipeError(
        key: setting.name, found: "'\(setting.text)'",
        expected: "left out: a trace computes one step by method, engine, seed, quantizers.*, "
          + "outcontrol.share and .format, and model.*, without drop path",
        location: setting.location)
    }
    try recipe.apply(settings)
    try Self.validate(recipe.model)
    try recipe.validateRemedies()
    return recipe
  }

  /// The method, and the quantizers' keys that are not its own: what tells gradients apart.
  var quantizerLabel: String {
    let (own, values) = (own.values, values)
    let others = values.filter { Self.isOfQuantizers($0.key) && own[$0.key] != $0.value }
    let changes = others.map { key, value in
      "\(key.hasPrefix("quantizers.") ? key.dropFirst("quantizers.".count) : key[...])=\(value)"
    }
    return ([method.rawValue] + changes.sorted())
      .joined(separator: ", ")
  }

  private static func isRead(inTraces key: String) -> Bool {
    ["method", "engine", "seed"].contains(key) || isOfQuantizers(key)
      || key.hasPrefix("model.") && key != "model.drop_path"
  }

  private static func isOfQuantizers(_ key: String) -> Bool {
    key.hasPrefix("quantizers.") || ["outcontrol.share", "outcontrol.format"].contains(key)
  }
}
