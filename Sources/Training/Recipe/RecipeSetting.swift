import Foundation
import Yams

/// One key of a recipe with its value, wherever it comes from: a file, `--set`, or a flag.
package struct RecipeSetting: Sendable {
  let key: String
  let words: [String]
  let location: String
  /// Whether it comes from the command line, and so outranks the file.
  let isOverride: Bool
  /// Whether it says in so many words that the key has its default, as YAML's `null` does.
  let isDefault: Bool

  /// The key's full name, sections separated by dots.
  package var name: String { key }
  /// The value as it is written, a list in brackets.
  package var text: String { words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]" }

  /// What was written on the command line: "--set qema.beta=0.99", "--model deit_tiny_patch16_224".
  var flag: String { location == "--set" ? "--set \(key)=\(text)" : "\(location) \(text)" }

  /// A value that a flag gives to a key.
  package init(_ key: String, _ value: String, flag: String) {
    self.init(key: key, words: [value], location: flag, isOverride: true)
  }

  init(
    key: String, words: [String], location: String, isOverride: Bool = false,
    isDefault: Bool = false
  ) {
    self.key = key
    self.words = words
    self.location = location
    self.isOverride = isOverride
    self.isDefault = isDefault
  }

  /// The setting that `--set key=value` asks for; a list is written [a, b], the default null.
  ///
  /// - Throws: `RecipeError` without an equals sign.
  package init(assignment: String) throws {
    let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw RecipeError(
        key: assignment, found: "without a value",
        expected: "key.path=value, as in optimizer.learning_rate=0.002", location: "--set")
    }
    guard parts[0].trimmingCharacters(in: .whitespaces) != RecipeKey.baseName else {
      throw RecipeError(
        key: RecipeKey.baseName, found: "'\(parts[1])'",
        expected:
          "a line of a recipe's file; to train by that recipe, give its file as the argument",
        location: "--set")
    }
    var value = parts[1].trimmingCharacters(in: .whitespaces)
    var words = [value]
    if value.hasPrefix("["), value.hasSuffix("]") {
      value = String(value.dropFirst().dropLast())
      words = value.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    self.init(
      key: parts[0].trimmingCharacters(in: .whitespaces), words: words, location: "--set",
      isOverride: true, isDefault: ["null", "~"].contains(value))
  }

  /// The settings of a YAML text, in its order.
  ///
  /// - Parameter allowsUnknownSections: for reading what another version wrote.
  /// - Throws: `RecipeSyntaxError`, `RecipeError`, also where the text names a `base`: only a file can.
  package static func parse(
    yaml: String, path: String, allowsUnknownSections: Bool = false
  ) throws -> [RecipeSetting] {
    let file = try RecipeFile(yaml: yaml, path: path, allowsUnknownSections: allowsUnknownSections)
    if let base = file.base {
      throw base.error(
        "left out: only a recipe's file can build on another, not what a run wrote down")
    }
    return file.settings.filter { !$0.isDefault }
  }

  /// The settings of a parsed text, in its order; those that say nothing (`null`) are `isDefault`.
  ///
  /// - Throws: `RecipeSyntaxError`, `RecipeError`.
  static func all(
    in document: RecipeDocument, path: String, allowsUnknownSections: Bool
  ) throws -> [RecipeSetting] {
    guard let root = document.root else { return [] }
    switch root {
    case .mapping(let mapping): return try flatten(mapping, "", document, allowsUnknownSections)
    case .scalar(let scalar) where scalar.isNothing: return []
    default:
      throw RecipeSyntaxError(
        location: path, problem: "expected keys and values, as in 'method: tetrajet'")
    }
  }

  /// The settings of a part of another document, which outrank those of files.
  ///
  /// - Throws: as above.
  static func overrides(
    in mapping: Node.Mapping, _ document: RecipeDocument
  ) throws -> [RecipeSetting] {
    try flatten(mapping, "", document, false).map {
      RecipeSetting(
        key: $0.key, words: $0.words, location: $0.location, isOverride: true,
        isDefault: $0.isDefault)
    }
  }

  /// - Parameter prefix: the section with a dot behind it.
  private static func flatten(
    _ mapping: Node.Mapping, _ prefix: String, _ document: RecipeDocument, _ allowsUnknown: Bool
  ) throws -> [RecipeSetting] {
    try mapping.flatMap { keyNode, value -> [RecipeSetting] in
      let location = document.location(of: keyNode)
      guard case .scalar(let word) = keyNode else {
        throw RecipeSyntaxError(location: location, problem: "a key must be a word")
      }
      let key = try prefix + document.text(of: word)
      let start = key + "."
      let isSection = RecipeKey.all.contains { $0.name.hasPrefix(start) }
      switch value {
      case .mapping where key == RecipeKey.baseName, .sequence where key == RecipeKey.baseName:
        throw RecipeFile.Base(found: "a list or section", location: location)
          .error("the path of one recipe, as in 'base: deit_tiny_imagenet.yaml'")
      case .mapping(let inner):
        if let known = RecipeKey.all.first(where: { $0.name == key }) {
          throw RecipeError(
            key: key, found: "a section", expected: known.expected, location: location)
        }
        guard allowsUnknown || isSection else {
          throw RecipeError.unknown(key, location: location)
        }
        return try flatten(inner, start, document, allowsUnknown)
      case .scalar(let scalar) where scalar.isNothing:
        let isKey = RecipeKey.names.contains(key)
        guard allowsUnknown || isSection || isKey || key == RecipeKey.baseName else {
          throw RecipeError.unknown(key, location: location)
        }
        return isKey
          ? [RecipeSetting(key: key, words: [], location: location, isDefault: true)] : []
      case .scalar(let scalar):
        return [
          RecipeSetting(key: key, words: [try document.text(of: scalar)], location: location)
        ]
      case .sequence(let items):
        let words = try items.map { item in
          guard case .scalar(let scalar) = item else { return "a list or section" }
          return try document.text(of: scalar)
        }
        return [RecipeSetting(key: key, words: words, location: location)]
      case .alias:
        preconditionFailure("the parser puts the value in an alias's place")
      }
    }
  }
}
