import Files
import Foundation

/// What a recipe's text says by itself: its settings, and the recipe that it builds on.
struct RecipeFile {
  /// The value of `base:` and where it stands.
  struct Base {
    /// As messages show it.
    let found: String
    let location: String
    /// The path as it is written.
    var path = ""

    /// What is wrong with it.
    func error(_ expected: String) -> RecipeError {
      RecipeError(
        key: RecipeKey.baseName, found: found, expected: expected, location: location)
    }
  }

  let settings: [RecipeSetting]
  let base: Base?

  /// Parses a text.
  ///
  /// - Throws: `RecipeSyntaxError`, `RecipeError`.
  init(yaml: String, path: String, allowsUnknownSections: Bool) throws {
    let document = try RecipeDocument(yaml, path: path)
    let all = try RecipeSetting.all(
      in: document, path: path, allowsUnknownSections: allowsUnknownSections)
    settings = all.filter { $0.key != RecipeKey.baseName }
    base = all.last { $0.key == RecipeKey.baseName }.map {
      Base(found: "'\($0.text)'", location: $0.location, path: $0.text)
    }
    if let base, base.path.isEmpty {
      throw base.error("the path of a recipe, as in 'base: deit_tiny_imagenet.yaml'")
    }
  }

  /// Reads and parses a file.
  ///
  /// - Throws: `FileError` as well.
  init(path: String, allowsUnknownSections: Bool) throws {
    let bytes = try readFile(path, limit: RecipeText.maximumLength)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw RecipeSyntaxError(location: path, problem: "not UTF-8; save it as UTF-8")
    }
    try self.init(yaml: text, path: path, allowsUnknownSections: allowsUnknownSections)
  }
}

extension RecipeSetting {
  /// How many recipes may build on each other. (The shipped ones are four deep.)
  static let maximumDepth = 16

  /// The settings of a recipe's file and of the recipes that it builds on (`base:`), the deepest first.
  ///
  /// A file's keys win over its base's one by one, and a key without a value (`null`) gives the default back. What
  /// defines others takes their place, as on the command line: a method of the file the quantizers of the base, a
  /// preset its shape of the model.
  ///
  /// - Parameter allowsUnknownSections: for reading what another version wrote.
  /// - Throws: `FileError`, `RecipeSyntaxError`, `RecipeError`: also where a base is not there, or leads in a circle.
  package static func read(
    _ path: String, allowsUnknownSections: Bool = false
  ) throws -> [RecipeSetting] {
    var names = [path]
    var places: Set<String> = [canonical(path)]
    var file = try RecipeFile(path: path, allowsUnknownSections: allowsUnknownSections)
    var result = file.settings
    while let base = file.base {
      let name = beside(names[names.count - 1], base.path)
      let chain = (names + [name]).joined(separator: " → ")
      guard places.insert(canonical(name)).inserted else {
        throw base.error("a recipe that does not lead back to where it came from: \(chain)")
      }
      guard names.count < maximumDepth else {
        throw base.error("left out: \(maximumDepth) recipes build on each other already: \(chain)")
      }
      do {
        file = try RecipeFile(path: name, allowsUnknownSections: allowsUnknownSections)
      } catch let error as FileError {
        throw base.error("a recipe's file, by its path from the folder of this one: \(error)")
      }
      names.append(name)
      result = file.settings.outranked(by: result)
    }
    return result.filter { !$0.isDefault }
  }

  /// A path that a file names, relative to that file's folder.
  private static func beside(_ file: String, _ path: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return file[...slash] + path
  }

  /// One name for a file, whatever links and dots lead to it.
  private static func canonical(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }
}

extension [RecipeSetting] {
  /// These settings, without what those of a derived recipe take the place of, and those.
  fileprivate func outranked(by derived: [RecipeSetting]) -> [RecipeSetting] {
    let named = Set(derived.map(\.key))
    return filter { setting in
      !named.contains(setting.key)
        && !ReplacingSettings.definitions.contains {
          named.contains($0.key) && $0.isDefined(setting.key)
        }
    } + derived
  }
}
