/// Distributions over the same bins, laid over each other as outlines: shares of the whole.
package struct HistogramChart {
  /// One distribution.
  package struct Distribution {
    let name: String
    let color: Int
    let counts: [Double]

    /// - Parameter counts: a number a bin.
    package init(name: String, color: Int, counts: [Double]) {
      (self.name, self.color, self.counts) = (name, color, counts)
    }
  }

  private let title, xLabel: String
  private let range: ClosedRange<Double>
  private let distributions: [Distribution]
  private let showsLegend: Bool

  /// - Parameters:
  ///   - range: where the first bin begins and the last ends.
  ///   - showsLegend: whether the distributions are named above the chart.
  package init(
    title: String, xLabel: String, range: ClosedRange<Double>, distributions: [Distribution],
    showsLegend: Bool = false
  ) {
    (self.title, self.xLabel, self.range) = (title, xLabel, range)
    (self.distributions, self.showsLegend) = (distributions, showsLegend)
  }

  /// The chart as a figure.
  package var html: String {
    let curves = distributions.compactMap { distribution -> LineChart.Curve? in
      let total = distribution.counts.reduce(0, +)
      guard total > 0, total.isFinite else { return nil }
      let width = (range.upperBound - range.lowerBound) / Double(distribution.counts.count)
      var points = distribution.counts.enumerated().map { index, count in
        let share = 100 * count / total
        return SeriesPoint(
          x: range.lowerBound + Double(index) * width, y: share, low: share, high: share)
      }
      if let last = points.last {
        points.append(SeriesPoint(x: range.upperBound, y: last.y, low: last.y, high: last.y))
      }
      return LineChart.Curve(
        name: distribution.name, color: distribution.color, points: points, isStepped: true)
    }
    return LineChart(
      title: title, xLabel: xLabel, curves: curves, includesZero: true, showsLegend: showsLegend
    ).html
  }
}
