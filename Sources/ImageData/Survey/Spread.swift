/// How often each of some numbers occurs: as much memory as there are different ones.
package struct Spread: Sendable {
  private var counts: [Int: Int] = [:]
  private var total = 0

  init() {}

  mutating func add(_ value: Int) {
    counts[value, default: 0] += 1
    total += 1
  }

  /// The smallest and the largest number, and the one that as many lie below as above (of two in
  /// the middle the smaller); nil where there is none.
  package var summary: (minimum: Int, median: Int, maximum: Int)? {
    let values = counts.keys.sorted()
    guard let first = values.first, let last = values.last else { return nil }
    var seen = 0
    let median = values.first { value in
      seen += counts[value] ?? 0
      return 2 * seen >= total
    }
    return (first, median ?? last, last)
  }
}
