import Yams

/// What the YAML parser found wrong with a text, as one line of its own words.
struct RecipeFault {
  /// Where, counted from 1; nil where it does not say.
  let line: Int?
  /// What.
  let text: String

  /// - Parameter name: the key of the text that the parser calls by some text.
  init(_ error: YamlError, in yaml: String, name: (String) -> String) {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      line = mark.line
      let start =
        context.map { "\($0.text)\($0.mark.line < mark.line ? " of line \($0.mark.line)" : ""), " }
        ?? ""
      text = start + problem + Self.advice(yaml, mark)
    case .reader(let problem, let offset, let value, _):
      line = offset.map { yaml.prefix($0).reduce(1) { $0 + ($1.isNewline ? 1 : 0) } }
      text = problem + (value > 0 ? " (U+\(String(value, radix: 16, uppercase: true)))" : "")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.map(name)
      let first = context.mark
      let second = names.first.flatMap {
        Self.lineOfKey($0, column: first.column, after: first.line, in: yaml)
      }
      line = second ?? first.line
      text =
        "the key '\(names.first ?? "")' is given twice"
        + (second == nil ? "" : ", first in line \(first.line)") + "; leave one"
    default:
      line = nil
      text = "\(error)".split(separator: "\n").joined(separator: " ")
    }
  }

  /// What to try where the parser stumbled.
  private static func advice(_ yaml: String, _ mark: Mark) -> String {
    let lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard mark.line <= lines.count,
      lines[mark.line - 1].prefix(while: \.isWhitespace).contains("\t")
    else { return "" }
    return "; the line begins with a tab, and YAML takes spaces only"
  }

  /// The next line in which a key of a section begins at the same column.
  private static func lineOfKey(
    _ key: String, column: Int, after line: Int, in yaml: String
  ) -> Int? {
    let lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    return lines.indices.dropFirst(line).first { index in
      let text = lines[index].dropFirst(column - 1)
      let word = [key, "'\(key)'", "\"\(key)\""].first { text.hasPrefix($0) }
      guard let word, lines[index].prefix(column - 1).allSatisfy(\.isWhitespace) else {
        return false
      }
      return text.dropFirst(word.count).drop(while: \.isWhitespace).first == ":"
    }.map { $0 + 1 }
  }
}
