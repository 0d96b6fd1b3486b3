/// Distributions laid over each other as outlines: shares of the whole a bin.
package struct HistogramChart {
  /// One distribution.
  package struct Distribution {
    let name: String
    let color: Int
    let counts: [Double]
    let range: ClosedRange<Double>

    /// - Parameters:
    ///   - counts: a number a bin.
    ///   - range: where the first bin begins and the last ends.
    package init(name: String, color: Int, counts: [Double], range: ClosedRange<Double>) {
      (self.name, self.color, self.counts, self.range) = (name, color, counts, range)
    }
  }

  private let title, xLabel: String
  private let distributions: [Distribution]
  private let showsLegend: Bool

  /// - Parameter showsLegend: whether the distributions are named above the chart.
  package init(
    title: String, xLabel: String, distributions: [Distribution], showsLegend: Bool = false
  ) {
    (self.title, self.xLabel) = (title, xLabel)
    (self.distributions, self.showsLegend) = (distributions, showsLegend)
  }

  /// The chart as a figure.
  package var html: String {
    let curves = distributions.compactMap { distribution -> LineChart.Curve? in
      let (total, range) = (distribution.counts.reduce(0, +), distribution.range)
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
