/// Which exit status an error from outside leads to (the numbers of BSD's sysexits).
public enum ErrorCategory: Int32, Sendable {
  /// The command or a recipe was used wrongly.
  case usage = 64
  /// A file's content is not what it should be.
  case badData = 65
  /// The arithmetic went wrong: a number is not finite.
  case arithmetic = 70
  /// The system could not read or write.
  case inputOutput = 74
}

/// An error whose cause lies outside the program: data first, one line of text second.
///
/// The text says what was found, where, what was expected and what to try.
public protocol ReportableError: Error, CustomStringConvertible, Sendable {
  /// What kind of fault this is.
  var category: ErrorCategory { get }
}

/// `text` as one line that a terminal shows as it is, whatever was quoted in it from outside:
/// control characters, line breaks and marks of direction are written out as \u{…}, bytes of names
/// that are no UTF-8 (`RawName`) as \x…, and of a text
/// of more than 2,000 characters the middle is left out.
public func oneLine(_ text: String) -> String {
  let scalars = text.unicodeScalars
  if scalars.count <= 2000, scalars.allSatisfy({ 0x20...0x7E ~= $0.value }) { return text }
  var result = String.UnicodeScalarView()
  for scalar in withoutMiddle(scalars) {
    if let byte = RawName.escaped(scalar) {
      result.append(contentsOf: byte.unicodeScalars)
      continue
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
      let digits = String(scalar.value, radix: 16, uppercase: true)
      result.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
    default: result.append(scalar)
    }
  }
  return String(withoutMiddle(result))
}

private func withoutMiddle(_ text: String.UnicodeScalarView) -> String.UnicodeScalarView {
  guard text.count > 2000 else { return text }
  var result = String.UnicodeScalarView(text.prefix(1300))
  result.append("…")
  result.append(contentsOf: text.suffix(699))
  return result
}

/// A number of things as people read it: "1 image", "2 images", "0 classes".
///
/// - Parameter many: what more than one are called, where it is not `one` with an s.
public func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
  "\(count) \(count == 1 ? one : many ?? one + "s")"
}

/// The name among `candidates` that is nearest to `name` by edit distance, if any is near enough to
/// be a likely typing error. Nobody types a name of more than 200 characters.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  let length = name.count
  let limit = max(2, length / 3)
  guard name.utf8.count <= 800, length <= 200 else { return nil }
  return candidates.filter { $0.utf8.count <= 800 && abs($0.count - length) <= limit }
    .map { ($0, editDistance(name, $0)) }
    .filter { $0.1 <= limit }
    .min { $0.1 < $1.1 }?.0
}

/// Levenshtein's distance: single-character insertions, deletions and replacements.
private func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.lowercased())
  let b = Array(b.lowercased())
  var previous = Array(0...b.count)
  for (i, left) in a.enumerated() {
    var current = [i + 1]
    for (j, right) in b.enumerated() {
      current.append(
        min(previous[j + 1] + 1, current[j] + 1, previous[j] + (left == right ? 0 : 1)))
    }
    previous = current
  }
  return previous[b.count]
}
