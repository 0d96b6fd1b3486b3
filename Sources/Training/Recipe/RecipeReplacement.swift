import VisionModels

/// What a flag replaced of a recipe's file: a method the quantizers, a preset the model's shape.
struct RecipeReplacement: CustomStringConvertible {
  /// The flag with its value, "--model deit_tiny_patch16_224".
  let flag: String
  /// The keys that lost the value of the file.
  let replaced: [RecipeChange]
  /// The keys that keep it, although the preset has another of its own: that one as `before`.
  let kept: [RecipeChange]

  /// One line.
  var description: String {
    let replaced = replaced.map { "\($0.name) \($0.before) → \($0.now)" }
    let kept = kept.map { "\($0.name) stays \($0.now) (the preset's own is \($0.before))" }
    return [
      replaced.isEmpty
        ? "" : "\(flag) replaces what the recipe says: " + replaced.joined(separator: ", "),
      kept.joined(separator: ", "),
    ].filter { !$0.isEmpty }.joined(separator: "; ")
  }
}

/// Settings without what a method or a preset of the command line takes the place of.
///
/// A method defines all quantizers and a preset the shape of a model. One that the command line names replaces these of
/// the file; everything else that the file says stays.
struct ReplacingSettings {
  /// What is left.
  private(set) var settings: [RecipeSetting]
  private let whole: [RecipeSetting]
  private var replacing: [(setting: RecipeSetting, dropped: [String])] = []

  /// What a preset defines of a model. Its image size, normalization and drop path are but its defaults.
  private static let shape = [
    "architecture", "patch_size", "width", "depth", "heads", "stage_depths", "stage_heads",
    "window_size", "mlp_ratio",
  ].map { "model.\($0)" }

  /// The keys that define others, and which these are.
  static let definitions: [(key: String, isDefined: @Sendable (String) -> Bool)] = [
    ("method", { $0.hasPrefix("quantizers.") }),
    ("model.preset", { shape.contains($0) }),
  ]

  /// What a file may say otherwise than a preset.
  private static let free = [
    "model.image_size", "model.channels", "model.norm_epsilon", "model.cls_token_std",
  ]

  init(_ settings: [RecipeSetting]) {
    self.settings = settings
    whole = settings
    for (key, isDefined) in Self.definitions {
      guard let setting = settings.last(where: { $0.isOverride && $0.key == key }) else {
        continue
      }
      let isDropped = { (other: RecipeSetting) in !other.isOverride && isDefined(other.key) }
      replacing.append((setting, settings.filter(isDropped).map(\.key)))
      self.settings.removeAll(where: isDropped)
    }
  }

  /// What became of the file's values.
  ///
  /// - Parameter recipe: the one that came out.
  /// - Throws: what is wrong with the values that were dropped.
  func replacements(in recipe: Recipe) throws -> [RecipeReplacement] {
    let file = whole.filter { !$0.isOverride }
    guard !replacing.isEmpty, !file.isEmpty else { return [] }
    let before = try Recipe(unchecked: file)
    return try replacing.compactMap { setting, dropped in
      var (replaced, kept) = ([RecipeChange](), [RecipeChange]())
      // Quantizers that are those of the file's method were not chosen, and go with it.
      var unchosen = before
      unchosen.linear = before.method.linearRecipe
      for key in RecipeKey.all {
        let (old, new) = (key.write(before), key.write(recipe))
        if dropped.contains(key.name), old != new,
          setting.key != "method" || old != key.write(unchosen)
        {
          replaced.append(RecipeChange(name: key.name, before: old, now: new))
        }
        guard setting.key == "model.preset", Self.free.contains(key.name) else { continue }
        var preset = recipe
        preset.model = try ModelConfiguration.preset(setting.text)
        let own = key.write(preset)
        if own != new, whole.last(where: { $0.key == key.name })?.isOverride == false {
          kept.append(RecipeChange(name: key.name, before: own, now: new))
        }
      }
      guard !replaced.isEmpty || !kept.isEmpty else { return nil }
      return RecipeReplacement(
        flag: setting.flag, replaced: replaced, kept: kept)
    }
  }
}

extension [RecipeSetting] {
  /// Without the settings that say nothing, and without those of the same keys before them.
  func withoutDefaults() -> [RecipeSetting] {
    enumerated().filter { index, setting in
      !self[index...].contains { $0.isDefault && $0.key == setting.key }
    }.map(\.element)
  }
}
