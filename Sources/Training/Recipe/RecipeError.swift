import Files

/// A recipe, or a flag that sets a recipe's key, that cannot be followed.
package struct RecipeError: ReportableError, Equatable {
  /// The key, in full: "optimizer.learning_rate".
  package let key: String
  /// What stands there; nil where the key itself is unknown.
  package let found: String?
  /// What the key allows, or what to try.
  package let expected: String
  /// The file and line, where there is one.
  package var location: String?

  /// A fault of a key.
  package init(key: String, found: String?, expected: String, location: String? = nil) {
    self.key = key
    self.found = found
    self.expected = expected
    self.location = location
  }

  /// A key that the list does not have, with the nearest one that it has.
  static func unknown(_ key: String, location: String?) -> RecipeError {
    let known = RecipeKey.names
    let sections = Set(
      known.flatMap { name in
        name.indices.filter { name[$0] == "." }.map { String(name[..<$0]) }
      })
    // Once: a hostile key may have a million characters.
    let section = key.prefix { $0 != "." }
    let start = "\(section)."
    let siblings = known.filter { $0.hasPrefix(start) }
    let advice =
      if let nearest = nearestName(to: key, among: known + [RecipeKey.baseName] + sections.sorted())
      {
        "did you mean '\(nearest)'?"
      } else if !siblings.isEmpty {
        "keys of \(section) are " + siblings.joined(separator: ", ")
      } else {
        "top-level keys are "
          + Set((known + [RecipeKey.baseName]).map { String($0.prefix { $0 != "." }) }).sorted()
          .joined(separator: ", ")
      }
    return RecipeError(key: key, found: nil, expected: advice, location: location)
  }

  /// Usage.
  package var category: ErrorCategory { .usage }

  /// One line: where, which key, what stands there, what it allows. A flag is called as it was typed.
  package var description: String {
    if let location, location.hasPrefix("--"), location != "--set", let found {
      let isSaid = location == "--\(key)"
      return oneLine(
        "\(location) is \(found); it must be \(expected)" + (isSaid ? "" : " (recipe key \(key))"))
    }
    let place = location.map { "\($0): " } ?? ""
    guard let found else { return oneLine("\(place)unknown key '\(key)'; \(expected)") }
    return oneLine("\(place)\(key) is \(found); it must be \(expected)")
  }
}

/// A file that is not YAML, or not a mapping of keys.
package struct RecipeSyntaxError: ReportableError, Equatable {
  /// The file and, where known, the line.
  package let location: String
  /// What is wrong.
  package let problem: String
  /// Usage, as for any recipe that cannot be followed.
  package var category: ErrorCategory { .usage }
  /// One line.
  package var description: String { oneLine("\(location): not a recipe: \(problem)") }
}
