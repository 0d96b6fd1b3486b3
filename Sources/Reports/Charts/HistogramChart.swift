/// Distributions over the same bins, laid over each other as outlines: shares of the whole.
struct HistogramChart {
  /// One distribution.
  struct Distribution {
    let name: String
    let color: Int
    /// Counts a bin.
    let counts: [Double]
  }

  let title: String
  let xLabel: String
  /// Where the first bin begins and the last ends.
  let range: ClosedRange<Double>
  let distributions: [Distribution]
  /// Whether the distributions are named above the chart.
  var showsLegend = false

  /// The chart as a figure.
  var html: String {
    let curves = distributions.compactMap { distribution -> LineChart.Curve? in
      let total = distribution.counts.reduce(0, +)
      guard total > 0 else { return nil }
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
