/// How evenly images are spread over classes.
package struct ClassBalance: Sendable, Equatable {
  /// A class and how many images it has.
  package struct Entry: Sendable, Equatable {
    /// The class's label.
    package let label: Int
    /// Its images.
    package let count: Int
  }

  /// The class with the fewest images.
  package let smallest: Entry
  /// The class in the middle when they are sorted by their sizes; of two the smaller one.
  package let median: Entry
  /// The class with the most images.
  package let largest: Entry

  /// The balance of classes of these sizes, by label; of equally large ones the first one is named.
  /// Nil without a class.
  package init?(_ counts: [Int]) {
    let sorted = counts.enumerated().map { Entry(label: $0, count: $1) }
      .sorted { ($0.count, $0.label) < ($1.count, $1.label) }
    guard let smallest = sorted.first, let last = sorted.last else { return nil }
    self.smallest = smallest
    median = sorted[(sorted.count - 1) / 2]
    largest = sorted.first { $0.count == last.count } ?? last
  }
}
