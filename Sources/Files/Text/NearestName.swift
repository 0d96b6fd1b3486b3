/// The name among `candidates` that is nearest to `name` by edit distance, if any is near enough to
/// be a likely typing error. Nobody types a name of more than 200 characters.
package func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
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
