import ImageData
import VisionModels

extension Recipe {
  /// The recipe that follows from settings; later ones win. Keys that nobody sets have the defaults of
  /// the data: `digits`, or images of one's own.
  ///
  /// - Parameter onNote: is told, a line each, where a method or a preset of the command line takes the place of what a file
  ///   says, and where a flag changes nothing.
  /// - Throws: `RecipeError`, `ModelError`: an unknown key, a value that does not fit, a combination
  ///   that cannot be.
  package init(
    settings: [RecipeSetting], onNote: (String) -> Void = { _ in }
  ) throws {
    let replacing = ReplacingSettings(settings.withoutDefaults())
    try self.init(unchecked: replacing.settings)
    try validate()
    for replacement in try replacing.replacements(in: self) { onNote("\(replacement)") }
    for setting in replacing.settings {
      if let idle = IdleSetting(setting, in: self) { onNote("\(idle)") }
    }
  }

  /// The recipe of settings, each of which fits, whether they go together or not.
  init(unchecked settings: [RecipeSetting]) throws {
    let path = settings.last { $0.key == "data.path" }?.words.first ?? "digits"
    self = path == "digits" ? .digits : Recipe()
    try apply(settings)
  }

  /// Follows settings; later ones win.
  mutating func apply(_ settings: [RecipeSetting]) throws {
    // Keys that others build upon come first, whatever their place in the file.
    func rank(_ setting: RecipeSetting) -> Int {
      switch setting.key {
      case "model.preset": 0
      case "method": 1
      case let key where key.hasSuffix(".enabled"): 2
      default: 3
      }
    }
    for order in 0...3 {
      for setting in settings where rank(setting) == order { try apply(setting) }
    }
  }

  private mutating func apply(_ setting: RecipeSetting) throws {
    if setting.key == "model.preset" {
      let classes = model.classes
      let name = setting.words.first ?? ""
      model = try ModelConfiguration.preset(name)
      model.classes = classes
      remedies.qema.beta = Self.tunedBeta[name] ?? remedies.qema.beta
      return
    }
    let found = setting.words.count == 1 ? "'\(setting.words[0])'" : "\(setting.words)"
    guard let key = RecipeKey.all.first(where: { $0.name == setting.key }) else {
      let start = setting.key + "."
      let members = RecipeKey.all.map(\.name).filter { $0.hasPrefix(start) }
      guard members.isEmpty else {
        throw RecipeError(
          key: setting.key, found: found,
          expected: "a section with the keys " + members.joined(separator: ", "),
          location: setting.location)
      }
      throw RecipeError.unknown(setting.key, location: setting.location)
    }
    guard key.read(&self, setting.words) != nil else {
      throw RecipeError(
        key: key.name, found: found, expected: key.expected, location: setting.location)
    }
  }

  /// Every key with its value: reading it back gives the same recipe.
  package var yaml: String { yaml { _ in true } }

  /// The keys whose value is not that of an earlier recipe.
  func changes(since earlier: Recipe) -> [(key: RecipeKey, before: String, now: String)] {
    RecipeKey.all.compactMap { key in
      let (before, now) = (key.write(earlier), key.write(self))
      return before == now ? nil : (key, before, now)
    }
  }

  /// Some keys with their values.
  func yaml(where isWanted: (RecipeKey) -> Bool) -> String {
    var text = ""
    var open: [Substring] = []
    for key in RecipeKey.all where isWanted(key) {
      let path = key.name.split(separator: ".")
      let sections = path.dropLast()
      for (depth, section) in sections.enumerated()
      where open.count <= depth || open[depth] != section {
        if depth == 0 { text += "\n" }
        text += String(repeating: "  ", count: depth) + "\(section):\n"
        open = Array(sections[...depth])
      }
      open = Array(open.prefix(sections.count))
      let indent = String(repeating: "  ", count: sections.count)
      text += "\(indent)\(path.last ?? ""): \(key.write(self))\n"
    }
    return text
  }
}
