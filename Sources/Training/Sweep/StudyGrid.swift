import Files
import Foundation
import Yams

/// A file that says which trainings make a study: rows of a table, each trained with several seeds.
///
/// `base:` is a recipe by its path from the grid's folder; `set:` has keys for all runs; `rows:` name combinations of keys; `axes:`
/// give keys lists of values (or `0...4`), of which all combinations are rows of their own, but for the seed;
/// `except:` leaves combinations out; `baseline:` names the row that differences are taken to.
package struct StudyGrid: Sendable {
  /// One row of the table: a recipe but for its seed.
  package struct Row: Sendable {
    /// Its name in the table.
    package let name: String
    let settings: [RecipeSetting]
  }

  /// One training.
  package struct Run: Sendable {
    /// Its row's name.
    package let row: String
    /// Its folder's name.
    package let folder: String
    /// What is trained.
    package let recipe: Recipe
  }

  /// The name of the row that differences are taken to; nil for none.
  package let baseline: String?
  private let path: String
  private let base: String?
  private let common: [RecipeSetting]
  private let rows: [Row]
  private let seeds: [RecipeSetting]
  private let exceptions: [Exception]

  fileprivate struct Exception {
    let settings: [RecipeSetting]
    let location: String
  }

  private static let keys = ["base", "set", "rows", "axes", "except", "baseline"]

  /// Reads a grid.
  ///
  /// - Throws: `FileError`, `RecipeSyntaxError`, `RecipeError`, `GridError`.
  package init(path: String) throws {
    let bytes = try readFile(path, limit: RecipeText.maximumLength)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw GridError(location: path, problem: "it is not UTF-8; save it as UTF-8")
    }
    let document = try RecipeDocument(text, path: path)
    guard case .mapping(let sections)? = document.root else {
      throw GridError(
        location: path, problem: "there is nothing to train by; it needs 'rows:' or 'axes:'"
      )
    }
    var (base, baseline): (String?, String?)
    var (common, rows): ([RecipeSetting], [Row]) = ([], [])
    var (axes, exceptions): ([Axis], [Exception]) = ([], [])
    for (keyNode, value) in sections {
      let location = document.location(of: keyNode)
      let key = try keyNode.scalar.map(document.text) ?? ""
      switch key {
      case "base": base = try Self.word(value, key, document, location)
      case "baseline": baseline = try Self.word(value, key, document, location)
      case "set": common = try Self.settings(value, key, document, location)
      case "axes": axes = try Self.axes(value, document, location)
      case "rows":
        rows = try Self.items(value, key, document, location).map { try Self.row($0, document) }
      case "except":
        exceptions = try Self.items(value, key, document, location).map {
          Exception(
            settings: try Self.settings(.mapping($0), key, document, location),
            location: document.location(of: .mapping($0)))
        }
      default:
        let advice = nearestName(to: key, among: Self.keys).map { "did you mean '\($0)'?" }
        throw GridError(
          location: location,
          problem:
            "unknown key '\(key)'; \(advice ?? "keys are \(Self.keys.joined(separator: ", "))")")
      }
    }
    (self.path, self.base, self.common) = (path, base, common)
    (self.baseline, self.exceptions) = (baseline, exceptions)
    seeds = axes.first { $0.key == "seed" }?.values ?? []
    self.rows = Self.combined(rows, axes.filter { $0.key != "seed" })
    let names = self.rows.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw GridError(location: path, problem: "two rows are called '\(twice)'")
    }
    if let baseline, !names.contains(baseline) {
      throw GridError(
        location: path,
        problem: "the baseline is '\(baseline)', and rows are '\(names.joined(separator: "', '"))'")
    }
  }

  // MARK: - What it says

  private struct Axis {
    let key: String
    let values: [RecipeSetting]
  }

  private static func word(
    _ node: Node, _ key: String, _ document: RecipeDocument, _ location: String
  ) throws -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw GridError(location: location, problem: "\(key) must be a word")
    }
    return try document.text(of: scalar)
  }

  private static func settings(
    _ node: Node, _ key: String, _ document: RecipeDocument, _ location: String
  ) throws -> [RecipeSetting] {
    guard case .mapping(let mapping) = node else {
      throw GridError(location: location, problem: "\(key) must have keys of a recipe")
    }
    return try RecipeSetting.overrides(in: mapping, document)
  }

  private static func items(
    _ node: Node, _ key: String, _ document: RecipeDocument, _ location: String
  ) throws -> [Node.Mapping] {
    guard case .sequence(let items) = node, !items.isEmpty else {
      throw GridError(location: location, problem: "\(key) must be a list ('- name: …')")
    }
    return try items.map { item in
      guard case .mapping(let mapping) = item else {
        throw GridError(
          location: document.location(of: item), problem: "what is listed in \(key) must have keys")
      }
      return mapping
    }
  }

  private static func row(_ mapping: Node.Mapping, _ document: RecipeDocument) throws -> Row {
    let location = document.location(of: .mapping(mapping))
    guard let name = mapping["name"] else {
      throw GridError(location: location, problem: "a row needs a name")
    }
    var rest = mapping
    rest["name"] = nil
    return Row(
      name: try word(name, "name", document, location),
      settings: try RecipeSetting.overrides(in: rest, document))
  }

  private static func axes(
    _ node: Node, _ document: RecipeDocument, _ location: String
  ) throws -> [Axis] {
    guard case .mapping(let mapping) = node else {
      throw GridError(location: location, problem: "axes must have keys of a recipe")
    }
    return try mapping.map { keyNode, value in
      let place = document.location(of: keyNode)
      let key = try keyNode.scalar.map(document.text) ?? ""
      let words = try values(of: value, key, document, place)
      guard !words.isEmpty else {
        throw GridError(location: place, problem: "the axis \(key) has no values")
      }
      return Axis(
        key: key,
        values: words.map {
          RecipeSetting(key: key, words: $0, location: place, isOverride: true)
        })
    }
  }

  /// The most values that a range stands for.
  private static let mostValues = 10_000

  /// Words of each value of an axis.
  private static func values(
    of node: Node, _ key: String, _ document: RecipeDocument, _ location: String
  ) throws -> [[String]] {
    switch node {
    case .sequence(let items):
      return try items.map { item in
        switch item {
        case .scalar(let scalar): [try document.text(of: scalar)]
        case .sequence(let words):
          try words.map { try word($0, "a value of \(key)", document, location) }
        default:
          throw GridError(location: location, problem: "a value of \(key) must be a word or a list")
        }
      }
    case .scalar(let scalar):
      let text = try document.text(of: scalar)
      let bounds = text.components(separatedBy: "...").map { Int($0) }
      guard bounds.count == 2 else { return [[text]] }
      guard let first = bounds[0], let last = bounds[1], first <= last,
        last.subtractingReportingOverflow(first).partialValue < mostValues,
        !last.subtractingReportingOverflow(first).overflow
      else {
        throw GridError(
          location: location,
          problem: "'\(text)' is no range of at most \(mostValues) whole numbers, as in 0...4")
      }
      return (first...last).map { ["\($0)"] }
    default:
      throw GridError(
        location: location,
        problem:
          "the axis \(key) must have a list of values; keys are written in full, as in optimizer.learning_rate"
      )
    }
  }

  /// Every row by every combination of the axes' values, which its name says.
  private static func combined(_ rows: [Row], _ axes: [Axis]) -> [Row] {
    var result = rows.isEmpty ? [Row(name: "", settings: [])] : rows
    for axis in axes {
      result = result.flatMap { row in
        axis.values.map { value in
          let word = axis.key == "method" ? value.text : "\(axis.key)=\(value.text)"
          return Row(
            name: row.name.isEmpty ? word : "\(row.name), \(word)",
            settings: row.settings + [value])
        }
      }
    }
    return result.map { $0.name.isEmpty ? Row(name: "all", settings: $0.settings) : $0 }
  }

  // MARK: - What is trained

  /// All trainings, seed by seed, so that a table of the first of them has every row.
  ///
  /// - Parameters:
  ///   - base: another recipe instead of the grid's.
  ///   - settings: what outranks `set`.
  /// - Throws: what is wrong with a recipe: `RecipeError`, `ModelError`, `GridError`.
  package func runs(base: String? = nil, settings: [RecipeSetting] = []) throws -> [Run] {
    let beside = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    let file = base ?? self.base.map { $0.hasPrefix("/") ? $0 : "\(beside)/\($0)" }
    let common = try (file.map { try RecipeSetting.read($0) } ?? []) + common + settings
    var used = [Bool](repeating: false, count: exceptions.count)
    var folders: Set<String> = []
    var recipes: [String: String] = [:]
    var runs: [Run] = []
    let seeds = seeds.isEmpty ? [nil] : seeds.map(Optional.some)
    for seed in seeds {
      for row in rows {
        let recipe = try recipe(common + row.settings + (seed.map { [$0] } ?? []), row.name)
        let matches = try exceptions.indices.filter { try exceptions[$0].leavesOut(recipe) }
        for index in matches { used[index] = true }
        guard matches.isEmpty else { continue }
        let earlier = recipes.updateValue(row.name, forKey: recipe.yaml)
        if let earlier {
          throw GridError(
            location: path,
            problem: earlier == row.name
              ? "the seed \(recipe.seed) is there twice"
              : "'\(earlier)' and '\(row.name)' are the same training")
        }
        runs.append(
          Run(row: row.name, folder: Self.folder(row.name, recipe.seed, &folders), recipe: recipe))
      }
    }
    for (exception, isUsed) in zip(exceptions, used) where !isUsed {
      throw GridError(location: exception.location, problem: "the exception leaves nothing out")
    }
    if let baseline, !runs.contains(where: { $0.row == baseline }) {
      throw GridError(location: path, problem: "no run of the baseline '\(baseline)' is left")
    }
    guard !runs.isEmpty else { throw GridError(location: path, problem: "no run is left") }
    return runs
  }

  /// The recipe of a row, whose name is said where a combination of keys cannot be.
  private func recipe(_ settings: [RecipeSetting], _ row: String) throws -> Recipe {
    do {
      return try Recipe(settings: settings)
    } catch var error as RecipeError where error.location == nil {
      error.location = "\(path), row '\(row)'"
      throw error
    }
  }

  /// A name for a folder that nobody else has.
  private static func folder(_ row: String, _ seed: Int, _ taken: inout Set<String>) -> String {
    let words = row.lowercased().split {
      !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "."))
    }
    let stem = String(words.joined(separator: "-").prefix(100))
    let name = "\(stem.isEmpty ? "run" : stem)-\(seed)"
    let free = (1...).lazy.map { $0 == 1 ? name : "\(name)-\($0)" }
      .first { !taken.contains($0) }!
    taken.insert(free)
    return free
  }
}

extension [StudyGrid.Run] {
  /// The runs of each row, in the rows' order.
  package var rows: [(name: String, runs: [StudyGrid.Run])] {
    var names: [String] = []
    for run in self where !names.contains(run.row) { names.append(run.row) }
    return names.map { name in (name, filter { $0.row == name }) }
  }
}

extension StudyGrid.Exception {
  /// Whether a recipe has all its values.
  fileprivate func leavesOut(_ recipe: Recipe) throws -> Bool {
    var same = recipe
    try same.apply(settings)
    return settings.allSatisfy { same.values[$0.name] == recipe.values[$0.name] }
  }
}

/// A grid that cannot be followed.
package struct GridError: ReportableError, Equatable {
  /// The file and, where known, the line.
  package let location: String
  /// What is wrong.
  package let problem: String

  /// Usage, as of a recipe.
  package var category: ErrorCategory { .usage }
  /// One line.
  package var description: String { oneLine("\(location): not a grid: \(problem)") }
}
