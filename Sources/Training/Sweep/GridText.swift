import Files
import Foundation
import Yams

/// What a grid's file says, section by section, before anything is combined.
struct GridText {
  /// A key, and its values.
  struct Axis {
    let key: String
    let values: [RecipeSetting]
  }

  private(set) var bases: [StudyGrid.Base] = []
  private(set) var common: [RecipeSetting] = []
  private(set) var rows: [StudyGrid.Row] = []
  private(set) var axes: [Axis] = []
  private(set) var exceptions: [StudyGrid.Exception] = []
  private(set) var baseline: String?
  private(set) var columns: [StudyColumn]?
  private(set) var figures = StudyGrid.Figures()
  private let document: RecipeDocument

  private static let keys = [
    "base", "set", "rows", "axes", "except", "baseline", "columns", "figures",
  ]

  /// Reads a file.
  ///
  /// - Throws: `FileError`, `RecipeSyntaxError`, `RecipeError`, `GridError`.
  init(path: String) throws {
    let bytes = try readFile(path, limit: RecipeText.maximumLength)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw GridError(location: path, problem: "it is not UTF-8; save it as UTF-8")
    }
    try self.init(text, path)
  }

  /// Reads a text.
  ///
  /// - Parameter path: what messages call it, in whose folder its base lies.
  /// - Throws: as above.
  init(_ text: String, _ path: String) throws {
    document = try RecipeDocument(text, path: path)
    guard case .mapping(let sections)? = document.root else {
      throw GridError(
        location: path, problem: "there is nothing to train by; it needs 'rows:' or 'axes:'")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    // Rows speak of bases, wherever these stand.
    bases =
      try sections["base"].map { try bases($0, in: folder) } ?? [
        StudyGrid.Base(name: nil, path: nil)
      ]
    for (keyNode, value) in sections {
      let location = document.location(of: keyNode)
      let key = try keyNode.scalar.map(document.text) ?? ""
      switch key {
      case "base": break
      case "baseline": baseline = try word(value, key, location)
      case "set": common = try settings(value, key, location)
      case "axes": axes = try axes(value, location)
      case "rows": rows = try items(value, key, location).map(row)
      case "except":
        exceptions = try items(value, key, location).map(exception)
      case "figures": figures = try figures(value, location)
      case "columns":
        guard case .sequence(let names) = value, !names.isEmpty else {
          throw GridError(location: location, problem: "columns must be a list, as in [eval_top1]")
        }
        columns = try names.map(column)
      default:
        let advice = nearestName(to: key, among: Self.keys).map { "did you mean '\($0)'?" }
        throw GridError(
          location: location,
          problem:
            "unknown key '\(key)'; \(advice ?? "keys are \(Self.keys.joined(separator: ", "))")")
      }
    }
  }

  /// A path, or names with paths.
  private func bases(_ node: Node, in folder: String) throws -> [StudyGrid.Base] {
    func base(_ name: String?, _ node: Node) throws -> StudyGrid.Base {
      let path = try word(node, "base", document.location(of: node))
      return StudyGrid.Base(name: name, path: path.hasPrefix("/") ? path : "\(folder)/\(path)")
    }
    guard case .mapping(let mapping) = node else { return [try base(nil, node)] }
    guard !mapping.isEmpty else {
      throw GridError(location: document.location(of: node), problem: "base names no recipe")
    }
    return try mapping.map { try base(word($0, "a base's name", document.location(of: $0)), $1) }
  }

  private func members(_ node: Node, _ key: String, _ what: String) throws -> Node.Mapping {
    guard case .mapping(let mapping) = node else {
      throw GridError(location: document.location(of: node), problem: "\(key) must have \(what)")
    }
    return mapping
  }

  private func word(
    _ node: Node, _ key: String, _ location: String
  ) throws -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw GridError(location: location, problem: "\(key) must be a word")
    }
    return try document.text(of: scalar)
  }

  private func settings(
    _ node: Node, _ key: String, _ location: String
  ) throws -> [RecipeSetting] {
    guard case .mapping(let mapping) = node else {
      throw GridError(location: location, problem: "\(key) must have keys of a recipe")
    }
    return try RecipeSetting.overrides(in: mapping, document)
  }

  private func items(
    _ node: Node, _ key: String, _ location: String
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

  private func row(_ mapping: Node.Mapping) throws -> StudyGrid.Row {
    let location = document.location(of: .mapping(mapping))
    guard let name = mapping["name"] else {
      throw GridError(location: location, problem: "a row needs a name")
    }
    var rest = mapping
    for key in ["name", "for", "published"] { rest[key] = nil }
    var row = StudyGrid.Row(name: try word(name, "name", location))
    row.settings = try RecipeSetting.overrides(in: rest, document)
    if let node = mapping["for"] {
      for (base, value) in try members(node, "for", "names of bases") {
        row.ofBases[try self.base(base)] = try settings(
          value, "for", document.location(of: base))
      }
    }
    if let node = mapping["published"] { row.published = try published(node) }
    return row
  }

  private func exception(_ mapping: Node.Mapping) throws -> StudyGrid.Exception {
    let location = document.location(of: .mapping(mapping))
    var rest = mapping
    (rest["base"], rest["row"]) = (nil, nil)
    var exception = StudyGrid.Exception(
      settings: try settings(.mapping(rest), "except", location), location: location)
    exception.base = try mapping["base"].map(base)
    exception.row = try mapping["row"].map { try word($0, "row", location) }
    return exception
  }

  private func figures(_ node: Node, _ location: String) throws -> StudyGrid.Figures {
    var figures = StudyGrid.Figures()
    for (key, value) in try members(node, "figures", "epochs, layer or both") {
      let place = document.location(of: key)
      switch (try key.scalar.map(document.text), value) {
      case ("epochs", .sequence(let epochs)):
        figures.epochs = try epochs.map { try number($0, key) }
        if figures.epochs.contains(where: { $0 < 0 }) {
          throw GridError(location: place, problem: "epochs are counted from 0")
        }
      case ("layer", _): figures.layer = try word(value, "layer", place)
      default:
        throw GridError(
          location: place,
          problem:
            "figures take epochs, a list of numbers, and layer, as in {epochs: [30, 90], layer: blocks.3.mlp.fc1}"
        )
      }
    }
    return figures
  }

  /// `{eval_top1: 59.75}`, or `{eval_top1: {DeiT-T: 59.75, DeiT-S: 71.03}}`.
  private func published(_ node: Node) throws -> [StudyGrid.Published] {
    try members(node, "published", "columns of the table").flatMap { key, value in
      let column = try column(key)
      guard case .mapping(let mapping) = value else {
        let base = bases.count == 1 ? bases[0].name : nil
        return [
          StudyGrid.Published(column: column, base: base, value: try number(value, key))
        ]
      }
      return try mapping.map { base, value in
        StudyGrid.Published(
          column: column, base: try self.base(base), value: try number(value, base))
      }
    }
  }

  private func number(_ node: Node, _ key: Node) throws -> Double {
    guard let text = try node.scalar.map(document.text), let number = Double(text), number.isFinite
    else {
      throw GridError(
        location: document.location(of: key), problem: "there must be a number")
    }
    return number
  }

  private func column(_ node: Node) throws -> StudyColumn {
    let name = try node.scalar.map(document.text) ?? ""
    do {
      return try StudyColumn(named: name)
    } catch {
      throw GridError(location: document.location(of: node), problem: error.description)
    }
  }

  /// The name of a base that there is.
  private func base(_ node: Node) throws -> String {
    let name = try node.scalar.map(document.text) ?? ""
    guard bases.contains(where: { $0.name == name }) else {
      throw GridError(
        location: document.location(of: node),
        problem: "no base is called '\(name)'"
          + (nearestName(to: name, among: bases.compactMap(\.name)).map {
            "; did you mean '\($0)'?"
          } ?? ""))
    }
    return name
  }

  private func axes(
    _ node: Node, _ location: String
  ) throws -> [Axis] {
    guard case .mapping(let mapping) = node else {
      throw GridError(location: location, problem: "axes must have keys of a recipe")
    }
    return try mapping.map { keyNode, value in
      let place = document.location(of: keyNode)
      let key = try keyNode.scalar.map(document.text) ?? ""
      let words = try values(of: value, key, place)
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

  /// `0...4`; nil where it is no range, or a longer one.
  static func range(_ text: String) -> ClosedRange<Int>? {
    let bounds = text.components(separatedBy: "...").map { Int($0) }
    guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last else {
      return nil
    }
    let (count, overflow) = last.subtractingReportingOverflow(first)
    return overflow || count >= mostValues ? nil : first...last
  }

  /// Words of each value of an axis.
  private func values(
    of node: Node, _ key: String, _ location: String
  ) throws -> [[String]] {
    switch node {
    case .sequence(let items):
      return try items.map { item in
        switch item {
        case .scalar(let scalar): [try document.text(of: scalar)]
        case .sequence(let words):
          try words.map { try word($0, "a value of \(key)", location) }
        default:
          throw GridError(location: location, problem: "a value of \(key) must be a word or a list")
        }
      }
    case .scalar(let scalar):
      let text = try document.text(of: scalar)
      guard text.contains("...") else { return [[text]] }
      guard let range = Self.range(text) else {
        throw GridError(
          location: location,
          problem: "'\(text)' is no range of at most \(Self.mostValues) whole numbers, as in 0...4")
      }
      return range.map { ["\($0)"] }
    default:
      throw GridError(
        location: location,
        problem:
          "the axis \(key) must have a list of values; keys are written in full, as in optimizer.learning_rate"
      )
    }
  }
}
