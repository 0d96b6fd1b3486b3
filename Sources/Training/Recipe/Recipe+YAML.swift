import Foundation
import ImageData
import Runtime
import VisionModels
import Yams

/// One key of a recipe with its value, wherever it comes from: a file, `--set`, or a flag.
public struct RecipeSetting: Sendable {
  let key: String
  let words: [String]
  let location: String
  /// Whether it comes from the command line, and so outranks the file.
  let isOverride: Bool

  /// The key's full name, sections separated by dots.
  public var name: String { key }
  /// The value as it is written, a list in brackets.
  public var text: String { words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]" }

  /// A value that a flag gives to a key.
  public init(_ key: String, _ value: String, flag: String) {
    self.init(key: key, words: [value], location: flag, isOverride: true)
  }

  init(key: String, words: [String], location: String, isOverride: Bool = false) {
    self.key = key
    self.words = words
    self.location = location
    self.isOverride = isOverride
  }

  /// The setting that `--set key=value` asks for; a list is written [a, b].
  ///
  /// - Throws: `RecipeError` without an equals sign.
  public init(assignment: String) throws {
    let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw RecipeError(
        key: assignment, found: "without a value",
        expected: "key.path=value, as in optimizer.learning_rate=0.002", location: "--set")
    }
    var value = parts[1].trimmingCharacters(in: .whitespaces)
    var words = [value]
    if value.hasPrefix("["), value.hasSuffix("]") {
      value = String(value.dropFirst().dropLast())
      words = value.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    self.init(
      key: parts[0].trimmingCharacters(in: .whitespaces), words: words, location: "--set",
      isOverride: true)
  }

  /// The settings of a recipe's file, in its order.
  ///
  /// - Parameter allowsUnknownSections: for reading what another version wrote.
  /// - Throws: `FileError`, `RecipeSyntaxError`, `RecipeError`.
  public static func read(
    _ path: String, allowsUnknownSections: Bool = false
  ) throws -> [RecipeSetting] {
    let bytes = try readFile(path, limit: 1 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw RecipeSyntaxError(location: path, problem: "not UTF-8; save it as UTF-8")
    }
    return try parse(yaml: text, path: path, allowsUnknownSections: allowsUnknownSections)
  }

  /// The settings of a YAML text, in its order.
  ///
  /// - Parameter allowsUnknownSections: for reading what another version wrote.
  /// - Throws: `RecipeSyntaxError`, `RecipeError`.
  public static func parse(
    yaml: String, path: String, allowsUnknownSections: Bool = false
  ) throws -> [RecipeSetting] {
    try RecipeText.check(yaml, path: path)
    let root: Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch let error as YamlError {
      // Yams draws the line with a caret below; the first line says enough.
      let text = "\(error)".split(separator: "\n").first.map(String.init) ?? "not YAML"
      throw RecipeSyntaxError(location: path, problem: text)
    }
    guard let root else { return [] }
    guard case .mapping(let mapping) = root else {
      throw RecipeSyntaxError(
        location: path, problem: "expected keys and values, as in 'method: tetrajet'")
    }
    return try flatten(mapping, prefix: "", path: path, allowsUnknownSections)
  }

  private static func flatten(
    _ mapping: Node.Mapping, prefix: String, path: String, _ allowsUnknown: Bool
  ) throws -> [RecipeSetting] {
    try mapping.flatMap { keyNode, value -> [RecipeSetting] in
      let location = path + (keyNode.mark.map { ":\($0.line)" } ?? "")
      guard let name = keyNode.string else {
        throw RecipeSyntaxError(location: location, problem: "a key must be a word")
      }
      let key = prefix + name
      switch value {
      case .mapping(let inner):
        if let known = RecipeKey.all.first(where: { $0.name == key }) {
          throw RecipeError(
            key: key, found: "a section", expected: known.expected, location: location)
        }
        let start = key + "."
        guard allowsUnknown || RecipeKey.all.contains(where: { $0.name.hasPrefix(start) }) else {
          throw RecipeError.unknown(key, location: location)
        }
        return try flatten(inner, prefix: start, path: path, allowsUnknown)
      case .scalar(let scalar):
        return [RecipeSetting(key: key, words: [scalar.string], location: location)]
      case .sequence(let items):
        return [
          RecipeSetting(
            key: key, words: items.map { $0.string ?? "a list or section" }, location: location)
        ]
      case .alias:
        throw RecipeSyntaxError(location: location, problem: RecipeText.aliasProblem)
      }
    }
  }
}

extension Recipe {
  /// The recipe that follows from settings; later ones win. Keys that nobody sets have the defaults of
  /// the data: `digits`, or images of one's own.
  ///
  /// - Throws: `RecipeError`, `ModelError`: an unknown key, a value that does not fit, a combination
  ///   that cannot be.
  public init(settings: [RecipeSetting]) throws {
    let path = settings.last { $0.key == "data.path" }?.words.first ?? "digits"
    self = path == "digits" ? .digits : Recipe()
    // A method sets all quantizers and a preset the whole shape. One that the command line names
    // replaces what the file says of them.
    var settings = settings
    for (base, section) in [("method", "quantizers."), ("model.preset", "model.")]
    where settings.contains(where: { $0.isOverride && $0.key == base }) {
      settings.removeAll { !$0.isOverride && $0.key.hasPrefix(section) }
    }
    // Keys that others build upon come first, whatever their place in the file.
    func rank(_ setting: RecipeSetting) -> Int {
      switch setting.key {
      case "method", "model.preset": 0
      case let key where key.hasSuffix(".enabled"): 1
      default: 2
      }
    }
    for order in 0...2 {
      for setting in settings where rank(setting) == order { try apply(setting) }
    }
    try validate()
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
  public var yaml: String { yaml { _ in true } }

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
