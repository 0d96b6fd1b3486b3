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

/// The name among `candidates` that is nearest to `name` by edit distance, if any is near enough to be
/// a likely typing error.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  let limit = max(2, name.count / 3)
  return candidates.map { ($0, editDistance(name, $0)) }
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
