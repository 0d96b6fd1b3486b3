/// What a recipe's text may be before it is given to the YAML parser.
///
/// The parser makes a node of some 500 bytes of every two characters, calls itself for every level,
/// and puts in place of an alias all that it stands for, so that twenty lines can stand for a
/// million. No recipe needs more than what is allowed here.
enum RecipeText {
  /// The longest text, in bytes.
  static let maximumLength = 1 << 20
  /// The most characters that begin or part nodes. (A recipe with all keys has about 300.)
  static let maximumMarks = 2048
  /// How deep lists and sections may lie in each other by their brackets.
  static let maximumDepth = 64

  /// What is said of aliases.
  static let aliasProblem = "aliases are not supported; write the value in its place"

  /// - Throws: `RecipeSyntaxError`.
  static func check(_ yaml: String, path: String) throws {
    func refuse(_ problem: String) -> RecipeSyntaxError {
      RecipeSyntaxError(location: path, problem: problem)
    }
    var (length, marks, depth) = (0, 0, 0)
    var previous = UInt8(ascii: "\n")
    for byte in yaml.utf8 {
      length += 1
      switch byte {
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        marks += 1
        depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "?"): marks += 1
      case UInt8(ascii: "*") where separators.contains(previous): throw refuse(aliasProblem)
      default: break
      }
      guard depth <= maximumDepth else {
        throw refuse("\(maximumDepth) brackets within each other; keys lie three deep at most")
      }
      previous = byte
    }
    guard length <= maximumLength else {
      throw refuse("\(length) bytes, expected at most \(maximumLength)")
    }
    guard marks <= maximumMarks else {
      throw refuse("\(marks) commas, colons, brackets and dashes, expected at most \(maximumMarks)")
    }
  }

  /// What an alias stands behind.
  private static let separators = Array(" \t\r\n,:[{-?".utf8)
}
