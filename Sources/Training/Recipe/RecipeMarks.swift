/// The characters of a YAML text that begin or part nodes: brackets, commas, colons, dashes and
/// question marks. Those of comments, of words and of quoted strings are none.
///
/// The text is read line by line as the parser does, as far as that takes no knowledge of
/// indentation. From the first line on where it would (a string or word that may go on in the next
/// line, a block scalar, an anchor, a tag, a directive), every such character counts, whatever it
/// stands in: a hostile text must not be able to hide its nodes, and an honest one stays below the
/// limits even so.
struct RecipeMarks {
  /// How many there are.
  private(set) var count = 0
  /// The most brackets within each other.
  private(set) var deepest = 0
  private var depth = 0
  private var isCertain = true
  /// The indentation of the last line where that ended in a word, which the next may continue.
  private var openWord: Int?

  /// Counts those of a text.
  init(_ yaml: String) {
    // Line breaks that are none elsewhere, and marks of byte order that are skipped.
    let scalars =
      yaml.unicodeScalars.first == "\u{FEFF}"
      ? yaml.unicodeScalars.dropFirst() : yaml.unicodeScalars[...]
    isCertain = !scalars.contains { ["\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}"].contains($0) }
    for line in Array(String(scalars).utf8).split(
      omittingEmptySubsequences: true, whereSeparator: { $0 == .newline || $0 == .carriageReturn })
    {
      let before = self
      if isCertain, read(line) { continue }
      self = before
      isCertain = false
      line.forEach { addAnywhere($0) }
    }
  }

  private mutating func addAnywhere(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"): open()
    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
    case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "?"): count += 1
    default: break
    }
  }

  private mutating func open() {
    count += 1
    depth += 1
    deepest = max(deepest, depth)
  }

  /// Reads a line; false where it takes more to know what it is.
  private mutating func read(_ line: ArraySlice<UInt8>) -> Bool {
    var rest = line.drop(while: \.isBlank)
    guard let first = rest.first, first != UInt8(ascii: "#") else { return true }
    let indentation = rest.startIndex - line.startIndex
    guard !mayContinueWord(indentation, first) else { return false }
    openWord = nil
    if indentation == 0 {
      if line.starts(with: "---".utf8), line.dropFirst(3).first?.isBlank ?? true {
        count += 1
        rest = line.dropFirst(3)
      } else if line.starts(with: "...".utf8) {
        return false
      }
    }
    var isWord = false
    var previous = UInt8(ascii: " ")
    while let byte = rest.popFirst() {
      let isLast = rest.first?.isBlank ?? true
      if byte == UInt8(ascii: "#"), !isWord || previous.isBlank { return true }
      if isWord, !ends(byte, isLast) {
        previous = byte
        continue
      }
      isWord = false
      previous = byte
      switch byte {
      case _ where byte.isBlank: break
      case UInt8(ascii: "["), UInt8(ascii: "{"): open()
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        guard depth >= 0 else { return false }
      case UInt8(ascii: ","): count += 1
      case UInt8(ascii: ":"), UInt8(ascii: "?"):
        count += 1
        isWord = depth == 0 && !isLast
      case UInt8(ascii: "-"):
        count += 1
        isWord = !isLast
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        guard Self.dropString(byte, from: &rest) else { return false }
      case _ where Self.unknown.contains(byte): return false
      default: isWord = true
      }
    }
    if isWord { openWord = indentation }
    return true
  }

  /// Whether a line of such an indentation and first character may belong to the word in which the
  /// line before ended.
  private func mayContinueWord(_ indentation: Int, _ first: UInt8) -> Bool {
    guard let openWord else { return false }
    return depth > 0 ? !",]}".utf8.contains(first) : indentation > openWord
  }

  /// Whether a character ends the word that it follows.
  private func ends(_ byte: UInt8, _ isLast: Bool) -> Bool {
    byte == UInt8(ascii: ":") && isLast || depth > 0 && ",[]{}".utf8.contains(byte)
  }

  /// Drops the rest of a quoted string; false where it does not end in this line.
  private static func dropString(_ quote: UInt8, from rest: inout ArraySlice<UInt8>) -> Bool {
    while let byte = rest.popFirst() {
      if byte == quote {
        // Two single quotes stand for one.
        guard quote == UInt8(ascii: "'"), rest.first == quote else { return true }
        rest.removeFirst()
      } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        guard rest.popFirst() != nil else { return false }
      }
    }
    return false
  }

  /// What begins block scalars, anchors, aliases, tags and directives, or nothing at all.
  private static let unknown = Array("&*!|>%@`".utf8)
}

extension UInt8 {
  fileprivate static let newline = UInt8(ascii: "\n")
  fileprivate static let carriageReturn = UInt8(ascii: "\r")
  fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
