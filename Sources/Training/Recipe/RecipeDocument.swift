import Yams

/// A recipe's text as the YAML parser reads it, without aliases.
///
/// The parser puts in place of an alias all that it stands for, so that twenty lines can stand for a
/// million. Where an alias begins depends on what is a comment, a string and a word, which the parser
/// alone knows exactly. So it is given the text with another character for each star, one that stands
/// nowhere else in it: then there can be no alias, and a word that begins with that character is where
/// one was. Stars of strings are put back.
struct RecipeDocument {
  /// The parsed text; nil where there is nothing but comments.
  let root: Node?
  private let path: String
  /// What stands for a star.
  private let star: Unicode.Scalar?

  /// Parses a text.
  ///
  /// - Throws: `RecipeSyntaxError` with the file and the line.
  init(_ yaml: String, path: String) throws {
    try RecipeText.check(yaml, path: path)
    self.path = path
    var (text, star) = (yaml, Unicode.Scalar?.none)
    if yaml.utf8.contains(UInt8(ascii: "*")) {
      star = Self.unusedScalar(yaml)
      guard let star else {
        throw RecipeSyntaxError(location: path, problem: Self.aliasProblem)
      }
      text = Self.replacing("*", by: star, in: yaml)
    }
    self.star = star
    do {
      root = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      let fault = RecipeFault(error, in: yaml) { key in
        star.map { Self.replacing($0, by: "*", in: key) } ?? key
      }
      throw RecipeSyntaxError(location: Self.place(path, fault.line), problem: fault.text)
    }
  }

  /// The file and the line of a node.
  func location(of node: Node) -> String { Self.place(path, node.mark?.line) }

  /// The text of a word or string.
  ///
  /// - Throws: `RecipeSyntaxError` where it is an alias.
  func text(of scalar: Node.Scalar) throws -> String {
    guard let star else { return scalar.string }
    guard scalar.style != .plain || scalar.string.unicodeScalars.first != star else {
      throw RecipeSyntaxError(
        location: Self.place(path, scalar.mark?.line), problem: Self.aliasProblem)
    }
    return Self.replacing(star, by: "*", in: scalar.string)
  }

  /// What is said of aliases.
  private static let aliasProblem =
    "aliases (*name) are not supported; write the value in its place, or a value that begins with a star "
    + "in quotes"

  private static func place(_ path: String, _ line: Int?) -> String {
    path + (line.map { ":\($0)" } ?? "")
  }

  /// A character for private use that a text does without.
  private static func unusedScalar(_ text: String) -> Unicode.Scalar? {
    let range: ClosedRange<UInt32> = 0xE000...0xF8FF
    let used = Set(text.unicodeScalars.lazy.map(\.value).filter(range.contains))
    return range.first { !used.contains($0) }.flatMap(Unicode.Scalar.init)
  }

  private static func replacing(
    _ old: Unicode.Scalar, by new: Unicode.Scalar, in text: String
  ) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(scalar == old ? new : scalar) }
    return String(result)
  }
}

extension Node.Scalar {
  /// Whether it is YAML's way of saying nothing: an empty value, `~`, or an unquoted `null`.
  var isNothing: Bool {
    style == .plain && tag.rawValue.isEmpty
      && ["", "~", "null", "Null", "NULL"].contains(string)
  }
}
