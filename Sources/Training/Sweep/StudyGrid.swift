import Files
import Foundation
import Yams

/// A file that says which trainings make a study: rows of a table, each trained with several seeds.
///
/// `base:` is a recipe by its path from the grid's folder, or several by names, of which each has all rows; `set:` has keys
/// for all runs; `rows:` name combinations of keys, for single bases others, with what was published of them; `axes:` give keys
/// lists of values (or `0...4`), of which all combinations are rows of their own, but for the seed; `except:` leaves combinations
/// out; `baseline:` names the row that differences are taken to; `columns:` are those of the table; `figures:` says what the
/// page shows.
package struct StudyGrid: Sendable {
  /// What somebody else measured of a row.
  package struct Published: Sendable, Equatable {
    /// What it is.
    package let column: StudyColumn
    /// The base that it is of; nil where that goes without saying.
    package let base: String?
    /// In the column's unit: per cent of accuracies.
    package let value: Double

    package init(column: StudyColumn, base: String?, value: Double) {
      (self.column, self.base, self.value) = (column, base, value)
    }
  }

  /// One training.
  package struct Run: Sendable {
    /// Its row's name.
    package let row: String
    /// That of the row that differences are taken to; nil for none.
    package let baseline: String?
    /// What is known of the row from elsewhere.
    package let published: [Published]
    /// Its folder's name.
    package let folder: String
    /// What is trained.
    package let recipe: Recipe
  }

  /// One row of the table: a recipe but for base and seed.
  struct Row {
    let name: String
    var settings: [RecipeSetting] = []
    /// What is added to it, by the base's name.
    var ofBases: [String: [RecipeSetting]] = [:]
    var published: [Published] = []

    func settings(of base: Base) -> [RecipeSetting] {
      settings + (base.name.flatMap { ofBases[$0] } ?? [])
    }

    /// What was published of a base; of one that nothing was, what was of all.
    func published(of base: Base) -> [Published] {
      guard let name = base.name else { return published }
      return published.filter { $0.base == name || $0.base == nil }
        .map { Published(column: $0.column, base: nil, value: $0.value) }
    }
  }

  /// A recipe that rows build on.
  struct Base {
    let name: String?
    /// Nil for nothing but defaults.
    let path: String?
  }

  /// Combinations that are left out: all that have what it names.
  struct Exception {
    var base: String?
    var row: String?
    let settings: [RecipeSetting]
    let location: String
  }

  /// What the page of figures shows.
  package struct Figures: Sendable, Equatable {
    /// The epochs whose distributions are drawn; none for the first, the middle and the last.
    package var epochs: [Double] = []
    /// The layer whose confidence is drawn; nil for the least sure.
    package var layer: String?
  }

  /// The table's columns; nil for the usual ones.
  package let columns: [StudyColumn]?
  /// Of its page.
  package let figures: Figures
  private let path: String
  private let bases: [Base]
  private let common: [RecipeSetting]
  private let rows: [Row]
  private let baseline: String?
  private let seeds: [RecipeSetting]
  private let exceptions: [Exception]

  /// Reads a grid.
  ///
  /// - Throws: `FileError`, `RecipeSyntaxError`, `RecipeError`, `GridError`.
  package init(path: String) throws { try self.init(GridText(path: path), path) }

  /// A grid from a text.
  ///
  /// - Parameter path: what messages call it, in whose folder its base lies.
  /// - Throws: as above.
  package init(yaml: String, path: String) throws { try self.init(GridText(yaml, path), path) }

  private init(_ text: GridText, _ path: String) throws {
    self.path = path
    (bases, common) = (text.bases, text.common)
    (columns, figures) = (text.columns, text.figures)
    (baseline, exceptions) = (text.baseline, text.exceptions)
    seeds = text.axes.first { $0.key == "seed" }?.values ?? []
    rows = Self.combined(text.rows, text.axes.filter { $0.key != "seed" })
    let names = rows.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw GridError(location: path, problem: "two rows are called '\(twice)'")
    }
    if let baseline, !names.contains(baseline) {
      throw GridError(
        location: path,
        problem: "the baseline is '\(baseline)', and rows are '\(names.joined(separator: "', '"))'")
    }
  }

  /// Every row by every combination of the axes' values, which its name says.
  private static func combined(_ rows: [Row], _ axes: [GridText.Axis]) -> [Row] {
    var result = rows.isEmpty ? [Row(name: "")] : rows
    for axis in axes {
      result = result.flatMap { row in
        axis.values.map { value in
          let word = axis.key == "method" ? value.text : "\(axis.key)=\(value.text)"
          return Row(
            name: row.name.isEmpty ? word : "\(row.name), \(word)",
            settings: row.settings + [value], ofBases: row.ofBases, published: row.published)
        }
      }
    }
    return result
  }

  /// Seeds as the command line says them: `0...4`, or `0,1,7`.
  ///
  /// - Throws: `StudyError`.
  package static func seeds(_ text: String) throws -> [RecipeSetting] {
    let words =
      GridText.range(text).map { $0.map(String.init) }
      ?? text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard words.allSatisfy({ Int($0).map { $0 >= 0 } ?? false }) else {
      throw StudyError(
        "--seeds is '\(text)'; it must be a range, as in 0...4, or a list, as in 0,1,7")
    }
    return words.map { RecipeSetting("seed", $0, flag: "--seeds") }
  }

  // MARK: - What is trained

  /// All trainings, seed by seed, so that a table of the first of them has every row.
  ///
  /// - Parameters:
  ///   - base: another recipe instead of the grid's one or several, by which rows say nothing of single ones.
  ///   - settings: what outranks `set`.
  ///   - seeds: instead of the grid's.
  /// - Throws: what is wrong with a recipe: `RecipeError`, `ModelError`, `GridError`.
  package func runs(
    base: String? = nil, settings: [RecipeSetting] = [], seeds: [RecipeSetting]? = nil
  ) throws -> [Run] {
    let seeds = seeds ?? self.seeds
    let bases = base.map { [Base(name: nil, path: $0)] } ?? bases
    let recipes = try bases.map { try $0.path.map { try RecipeSetting.read($0) } ?? [] }
    var used = [Bool](repeating: false, count: exceptions.count)
    var folders: Set<String> = []
    var rowsOfRecipes: [String: String] = [:]
    var runs: [Run] = []
    for seed in seeds.isEmpty ? [nil] : seeds.map(Optional.some) {
      for (base, own) in zip(bases, recipes) {
        for row in rows {
          func title(_ row: String) -> String {
            [bases.count > 1 ? base.name : nil, row].compactMap(\.self).filter { !$0.isEmpty }
              .joined(separator: ", ")
          }
          let name = title(row.name)
          let recipe = try recipe(
            own + common + settings + row.settings(of: base) + (seed.map { [$0] } ?? []), name)
          let matches = try exceptions.indices.filter {
            try exceptions[$0].leavesOut(recipe, row.name, base.name)
          }
          for index in matches { used[index] = true }
          guard matches.isEmpty else { continue }
          if let earlier = rowsOfRecipes.updateValue(name, forKey: recipe.yaml) {
            // Without what it says of single bases, a row can be one that there is already.
            if base.name == nil, !row.ofBases.isEmpty, earlier != name { continue }
            throw GridError(
              location: path,
              problem: earlier == name
                ? "the seed \(recipe.seed) is there twice"
                : "'\(earlier)' and '\(name)' are the same training")
          }
          runs.append(
            Run(
              row: name, baseline: baseline.map(title), published: row.published(of: base),
              folder: Self.folder(name, recipe.seed, &folders), recipe: recipe))
        }
      }
    }
    let names = bases.map(\.name)
    for (exception, isUsed) in zip(exceptions, used)
    where !isUsed && (exception.base == nil || names.contains(exception.base)) {
      throw GridError(location: exception.location, problem: "the exception leaves nothing out")
    }
    let left = Set(runs.map(\.row))
    if let baseline = runs.compactMap(\.baseline).first(where: { !left.contains($0) }) {
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
  /// Whether a training has all that it names.
  fileprivate func leavesOut(_ recipe: Recipe, _ row: String, _ base: String?) throws -> Bool {
    guard self.row == nil || self.row == row, self.base == nil || self.base == base else {
      return false
    }
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
