import Foundation
import Reports
import Testing

@Suite("Charts of any numbers")
struct ChartTests {
  /// Numbers at which conversions, differences and quotients end.
  private static let extremes: [Double] = [
    0, -0.0, 1, -1, 1e-3, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
    .leastNormalMagnitude, 1e15, 1e16, 9.3e18, -9.3e18, 1.7e308, -1.7e308,
    .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .infinity, -.infinity, .nan, 1 + 2.3e-16,
  ]

  @Test("an axis has finite ends, one above the other, and a few ticks within them")
  func axis() {
    for first in Self.extremes {
      for second in Self.extremes {
        for (snaps, includingZero) in [(true, false), (false, false), (true, true)] {
          let axis = Axis([first, second], includingZero: includingZero, snaps: snaps)
          let (low, high) = (axis.range.lowerBound, axis.range.upperBound)
          #expect(low.isFinite && high.isFinite && low < high, "\(first), \(second): \(axis)")
          #expect((1...12).contains(axis.ticks.count), "\(first), \(second): \(axis)")
          #expect(axis.ticks.allSatisfy { $0.isFinite })
        }
      }
    }
    #expect(Axis([]).range == 0...1)
    for first in Self.extremes {
      for second in Self.extremes {
        let axis = Axis(logarithmOf: [first, second])
        let (low, high) = (axis.range.lowerBound, axis.range.upperBound)
        #expect(low > 0 && high.isFinite && low < high, "\(first), \(second): \(axis)")
        #expect((1...12).contains(axis.ticks.count), "\(first), \(second): \(axis)")
      }
    }
  }

  @Test(
    "on a logarithmic axis equal ratios are equal distances, and ticks are 1, 2, 5 or powers of ten"
  )
  func logarithm() {
    let axis = Axis(logarithmOf: [0.3, 40])
    #expect(axis.range == 0.2...50)
    #expect(axis.ticks.map { short($0) } == ["0.2", "0.5", "1", "2", "5", "10", "20", "50"])
    #expect(abs(axis.share(1) - axis.share(0.5) - (axis.share(20) - axis.share(10))) < 1e-12)
    #expect(axis.share(0.2) == 0 && axis.share(50) == 1)
    let decades = Axis(logarithmOf: [2e-4, 3])
    #expect(decades.range == 1e-4...10)
    #expect(decades.ticks.count == 6)
  }

  /// What no attribute of a drawing may hold.
  private func isDrawable(_ html: String) -> Bool {
    !["nan", "inf", "e+"].contains { word in
      ["='", ",", " ", "["].contains { html.contains($0 + word) }
    }
  }

  @Test(
    "curves, heat maps and histograms of extremes are drawings without a coordinate that is none")
  func drawings() {
    for first in Self.extremes {
      for second in Self.extremes {
        let points = [(1.0, first), (second, 2.0), (first, second)].map {
          SeriesPoint(x: $0, y: $1, low: min($0, $1), high: max($0, $1))
        }
        let line = LineChart(
          title: "t", xLabel: "x",
          curves: [LineChart.Curve(name: "n", color: 0, points: points, isStepped: true)]
        ).html
        #expect(isDrawable(line.replacing("e+308", with: "").replacing("e+300", with: "")))
        let ratios = LineChart(
          title: "t", xLabel: "x", curves: [LineChart.Curve(name: "n", color: 0, points: points)],
          isLogarithmic: true
        ).html
        #expect(isDrawable(ratios.replacing("e+308", with: "").replacing("e+300", with: "")))
        let map = HeatMap(
          title: "t", rows: ["a", "b"], columns: ["c", "d"],
          values: [[first, nil], [second, 1]], xLabel: "x"
        ).html
        #expect(map.contains("<figure>"), "\(first), \(second)")
        _ =
          HistogramChart(
            title: "t", xLabel: "x",
            distributions: [
              HistogramChart.Distribution(
                name: "n", color: 0, counts: [abs(first), abs(second)], range: -8...8)
            ]
          ).html
        _ = (short(first), fixed(second, 2))
      }
    }
    // A readout's numbers are read by JavaScript, which knows no inf and no nan.
    let huge = LineChart(
      title: "t", xLabel: "x",
      curves: [
        LineChart.Curve(
          name: "n", color: 0,
          points: [
            SeriesPoint(x: 0, y: 1e300, low: 1e300, high: 1e300),
            SeriesPoint(x: 1, y: .nan, low: 0, high: 0),
          ])
      ]
    ).html
    #expect(huge.contains("[0.0,1e+300]") && !huge.contains("nan") && !huge.contains(",inf"))
  }
}
