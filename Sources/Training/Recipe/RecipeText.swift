/// What a recipe's text may be before it is given to the YAML parser.
///
/// The parser makes a node of some 500 bytes of every two characters and calls itself for every
/// level. No recipe needs more than what is allowed here.
enum RecipeText {
  /// The longest text, in bytes.
  static let maximumLength = 1 << 20
  /// The most characters that begin or part nodes. (A recipe with all keys has about 300.)
  static let maximumMarks = 2048
  /// How deep lists and sections may lie in each other by their brackets.
  static let maximumDepth = 64

  /// - Throws: `RecipeSyntaxError`.
  static func check(_ yaml: String, path: String) throws {
    func refuse(_ problem: String) -> RecipeSyntaxError {
      RecipeSyntaxError(location: path, problem: problem)
    }
    let length = yaml.utf8.count
    guard length <= maximumLength else {
      throw refuse("\(length) bytes, expected at most \(maximumLength)")
    }
    let marks = RecipeMarks(yaml)
    guard marks.deepest <= maximumDepth else {
      throw refuse("\(maximumDepth) brackets within each other; keys lie three deep at most")
    }
    guard marks.count <= maximumMarks else {
      throw refuse(
        "\(marks.count) commas, colons, brackets and dashes outside of comments, expected at most "
          + "\(maximumMarks)")
    }
  }
}
