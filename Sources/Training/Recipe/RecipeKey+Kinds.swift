import Files

/// The kinds of value: how each is read and written.
extension RecipeKey {
  static func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ path: WritableKeyPath<Recipe, Value> & Sendable, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning, expected: oneOf(Value.self),
      choices: Value.allCases.map(\.rawValue),
      read: { recipe, words in
        guard let value = words.count == 1 ? Value(rawValue: words[0]) : nil else { return nil }
        recipe[keyPath: path] = value
        return ()
      }, write: { $0[keyPath: path].rawValue })
  }

  static func boolean(
    _ name: String, _ path: WritableKeyPath<Recipe, Bool> & Sendable, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning, expected: "true or false",
      choices: ["true", "false"],
      read: { recipe, words in
        guard let value = truth(words) else { return nil }
        recipe[keyPath: path] = value
        return ()
      }, write: { "\($0[keyPath: path])" })
  }

  static func integer(
    _ name: String, _ path: WritableKeyPath<Recipe, Int> & Sendable, _ range: ClosedRange<Int>,
    _ meaning: String
  ) -> RecipeKey {
    let limit =
      range.upperBound == .max
      ? "an integer, at least \(range.lowerBound)"
      : "an integer from \(range.lowerBound) to \(range.upperBound)"
    return RecipeKey(
      name: name, meaning: meaning, expected: limit,
      read: { recipe, words in
        guard let value = words.count == 1 ? Int(words[0]) : nil, range.contains(value) else {
          return nil
        }
        recipe[keyPath: path] = value
        return ()
      }, write: { "\($0[keyPath: path])" })
  }

  static func number<Value: BinaryFloatingPoint & LosslessStringConvertible & Sendable>(
    _ name: String, _ path: WritableKeyPath<Recipe, Value> & Sendable, _ range: ClosedRange<Value>,
    _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning,
      expected: "a number from \(range.lowerBound) to \(range.upperBound)",
      read: { recipe, words in
        guard let value = words.count == 1 ? Value(words[0]) : nil, range.contains(value) else {
          return nil
        }
        recipe[keyPath: path] = value
        return ()
      }, write: { "\($0[keyPath: path])" })
  }

  static func numbers(
    _ name: String, _ path: WritableKeyPath<Recipe, [Float]> & Sendable,
    _ range: ClosedRange<Float>,
    _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning,
      expected: "numbers from \(range.lowerBound) to \(range.upperBound), as in [0.5, 0.5, 0.5]",
      read: { recipe, words in
        let values = words.compactMap(Float.init).filter(range.contains)
        guard values.count == words.count, !values.isEmpty else { return nil }
        recipe[keyPath: path] = values
        return ()
      }, write: { "[" + $0[keyPath: path].map { "\($0)" }.joined(separator: ", ") + "]" })
  }

  static func integers(
    _ name: String, _ path: WritableKeyPath<Recipe, [Int]> & Sendable, _ range: ClosedRange<Int>,
    _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning,
      expected: "integers from \(range.lowerBound) to \(range.upperBound), as in [2, 2, 6, 2]",
      read: { recipe, words in
        let values = words.compactMap { Int($0) }.filter(range.contains)
        guard values.count == words.count else { return nil }
        recipe[keyPath: path] = values
        return ()
      }, write: { "[" + $0[keyPath: path].map { "\($0)" }.joined(separator: ", ") + "]" })
  }

  /// Some words of a few, in any order.
  static func words<Value: RawRepresentable<String> & CaseIterable & Hashable & Sendable>(
    _ name: String, _ path: WritableKeyPath<Recipe, Set<Value>> & Sendable, _ meaning: String
  ) -> RecipeKey {
    let known = Value.allCases.map(\.rawValue)
    return RecipeKey(
      name: name, meaning: meaning,
      expected: "a list of some of \(known.joined(separator: ", ")), as in [\(known[0])], or []",
      read: { recipe, words in
        let values = words.compactMap(Value.init)
        guard values.count == words.count, Set(values).count == values.count else { return nil }
        recipe[keyPath: path] = Set(values)
        return ()
      },
      write: { recipe in
        let values = Value.allCases.filter(recipe[keyPath: path].contains)
        return "[" + values.map(\.rawValue).joined(separator: ", ") + "]"
      })
  }

  static func string(
    _ name: String, _ path: WritableKeyPath<Recipe, String> & Sendable, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning, expected: "a word or a path",
      read: { recipe, words in
        guard words.count == 1, !words[0].isEmpty else { return nil }
        recipe[keyPath: path] = words[0]
        return ()
      },
      write: { quoted($0[keyPath: path]) })
  }

  /// A string in YAML's quotes: JSON's, but that a line ends in Unicode's ways too, and that what YAML
  /// forbids or drops outside of escapes is escaped.
  private static func quoted(_ text: String) -> String {
    var result = ""
    for scalar in jsonString(text).unicodeScalars {
      switch scalar.value {
      case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// YAML's truth values.
  static func truth(_ words: [String]) -> Bool? {
    switch words {
    case ["true"], ["True"], ["TRUE"]: true
    case ["false"], ["False"], ["FALSE"]: false
    default: nil
    }
  }

  static func oneOf<Value: RawRepresentable<String> & CaseIterable>(_: Value.Type) -> String {
    oneOf(Array(Value.allCases))
  }

  static func oneOf(_ values: [some RawRepresentable<String>]) -> String {
    "one of " + values.map(\.rawValue).joined(separator: ", ")
  }
}
