import Files

/// How many of some numbers lie in each of equal bins, as TensorBoard wants to know it.
package struct BinnedHistogram: Equatable {
  /// The count of each bin, the lowest first.
  package let counts: [Int]
  /// Where the first bin begins and the last one ends.
  package let range: ClosedRange<Double>

  /// A histogram of these bins.
  package init(_ counts: [Int], in range: ClosedRange<Double> = 0...1) {
    (self.counts, self.range) = (counts, range)
  }

  /// `HistogramProto`: min = 1, max = 2, num = 3, sum = 4, sum_squares = 5, bucket_limit = 6,
  /// bucket = 7.
  ///
  /// TensorBoard leaves out empty bins at both ends, and takes `min` for the left edge of the first
  /// that is left and `max` for the right edge of the last; so these two are edges here, not
  /// numbers that occurred, and the bins are shown as they are. Sums take every number for the
  /// middle of its bin. Without numbers all are 0.
  var message: ProtobufWriter {
    let total = counts.reduce(0, +)
    let first = counts.firstIndex { $0 > 0 } ?? 0
    let end = counts.lastIndex { $0 > 0 }.map { $0 + 1 } ?? 0
    var (sum, sumOfSquares) = (0.0, 0.0)
    for (bin, count) in counts.enumerated() {
      let middle = (edge(bin) + edge(bin + 1)) / 2
      sum += Double(count) * middle
      sumOfSquares += Double(count) * middle * middle
    }
    var message = ProtobufWriter()
    message.add(1, edge(first))
    message.add(2, edge(end))
    message.add(3, Double(total))
    message.add(4, sum)
    message.add(5, sumOfSquares)
    message.add(6, counts.indices.map { edge($0 + 1) })
    message.add(7, counts.map { Double($0) })
    return message
  }

  private func edge(_ bin: Int) -> Double {
    let share = Double(bin) / Double(max(counts.count, 1))
    return range.lowerBound + share * (range.upperBound - range.lowerBound)
  }
}
