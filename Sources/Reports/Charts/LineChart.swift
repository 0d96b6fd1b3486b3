import Files

/// Curves over a common x-axis, each with the range of its seeds as a band.
package struct LineChart {
  /// One curve.
  package struct Curve {
    let name: String
    let color: Int
    let points: [SeriesPoint]
    let isStepped: Bool

    /// - Parameters:
    ///   - color: which of the page's colours it has; colours repeat with dashes.
    ///   - isStepped: steps from value to value instead of slopes.
    package init(name: String, color: Int, points: [SeriesPoint], isStepped: Bool = false) {
      (self.name, self.color, self.points) = (name, color, points)
      self.isStepped = isStepped
    }
  }

  private let title, xLabel: String
  private let curves: [Curve]
  private let includesZero, isLogarithmic, hasLogarithmicX, showsLegend: Bool
  private let thresholds: [Double]

  /// - Parameters:
  ///   - isLogarithmic: whether equal heights are equal ratios; points that are not above 0 are left out then.
  ///   - hasLogarithmicX: the same of widths.
  ///   - showsLegend: whether the curves are named above the chart: where their colours do not stand for the page's
  ///     recipes.
  ///   - thresholds: horizontal lines, dashed.
  package init(
    title: String, xLabel: String, curves: [Curve], includesZero: Bool = false,
    isLogarithmic: Bool = false, hasLogarithmicX: Bool = false, showsLegend: Bool = false,
    thresholds: [Double] = []
  ) {
    (self.title, self.xLabel, self.curves) = (title, xLabel, curves)
    (self.includesZero, self.showsLegend) = (includesZero, showsLegend)
    (self.isLogarithmic, self.hasLogarithmicX) = (isLogarithmic, hasLogarithmicX)
    self.thresholds = thresholds
  }

  private static let (width, height) = (440.0, 270.0)
  private static let (left, right, top, bottom) = (52.0, 12.0, 10.0, 40.0)

  /// The chart as a figure with its title and, for the script, its numbers.
  package var html: String {
    let curves = finiteCurves
    let points = curves.flatMap(\.points)
    guard !points.isEmpty else { return "" }
    let x =
      hasLogarithmicX
      ? Axis(logarithmOf: points.map(\.x)) : Axis(points.map(\.x), snaps: false, wanted: 6)
    let heights = points.flatMap { [$0.low, $0.high] } + thresholds
    let y =
      isLogarithmic ? Axis(logarithmOf: heights) : Axis(heights, includingZero: includesZero)
    var svg = SVG(width: Self.width, height: Self.height, label: title)
    func place(_ px: Double, _ py: Double) -> (x: Double, y: Double) {
      (
        Self.left + x.share(px) * (Self.width - Self.left - Self.right),
        Self.height - Self.bottom - y.share(py) * (Self.height - Self.top - Self.bottom)
      )
    }
    for tick in y.ticks {
      let at = place(x.range.lowerBound, tick)
      svg.line(at.x, at.y, Self.width - Self.right, at.y, class: "grid")
      svg.text(Self.left - 6, at.y + 4, short(tick), class: "tick end")
    }
    for tick in x.ticks {
      let at = place(tick, y.range.lowerBound)
      svg.line(at.x, at.y, at.x, at.y + 4, class: "axis")
      svg.text(at.x, at.y + 17, short(tick), class: "tick middle")
    }
    let corner = place(x.range.lowerBound, y.range.lowerBound)
    svg.line(corner.x, corner.y, Self.width - Self.right, corner.y, class: "axis")
    svg.text(
      (Self.left + Self.width - Self.right) / 2, Self.height - 6, xLabel, class: "tick middle")
    for value in thresholds {
      let at = place(x.range.lowerBound, value)
      svg.line(at.x, at.y, Self.width - Self.right, at.y, class: "threshold")
    }
    for curve in curves where curve.points.contains(where: { $0.low < $0.high }) {
      let upper = curve.points.map { place($0.x, $0.high) }
      let lower = curve.points.reversed().map { place($0.x, $0.low) }
      svg.polygon(upper + lower, class: "band \(colorClass(curve.color))")
    }
    for curve in curves {
      var line = curve.points.map { place($0.x, $0.y) }
      if curve.isStepped {
        line = zip(line, line.dropFirst()).flatMap { [$0, (x: $1.x, y: $0.y)] } + line.suffix(1)
      }
      svg.polyline(line, class: "curve \(colorClass(curve.color))")
      if line.count == 1 {
        svg.circle(line[0].x, line[0].y, 3, class: "dot \(colorClass(curve.color))")
      }
    }
    return figure(
      title, legend + svg.text(data: " data-chart='\(escaped(data(curves, x, y)))'"))
  }

  /// The curves without points that have no place on any paper.
  private var finiteCurves: [Curve] {
    curves.map { curve in
      let points = curve.points.filter {
        [$0.x, $0.y, $0.low, $0.high].allSatisfy(\.isFinite)
          && (!isLogarithmic || min($0.y, $0.low) > 0) && (!hasLogarithmicX || $0.x > 0)
      }
      return Curve(
        name: curve.name, color: curve.color, points: points, isStepped: curve.isStepped)
    }.filter { !$0.points.isEmpty }
  }

  private var legend: String {
    showsLegend
      ? "<ul class='names'>" + curves.map { legendEntry($0.name, $0.color) }.joined() + "</ul>" : ""
  }

  /// What the script needs for its readout: where the plot lies, and each curve's numbers.
  private func data(_ curves: [Curve], _ x: Axis, _ y: Axis) -> String {
    let plot = [
      Self.left, Self.width - Self.right, Self.top, Self.height - Self.bottom,
      x.range.lowerBound, x.range.upperBound,
    ]
    let series = curves.map { curve in
      let points = curve.points.map { "[\(digits($0.x)),\(digits($0.y))]" }.joined(separator: ",")
      return
        "{\"n\":\(jsonString(curve.name)),\"c\":\"\(colorClass(curve.color))\",\"p\":[\(points)]}"
    }
    return
      "{\"plot\":[\(plot.map(digits).joined(separator: ","))],\"x\":\(jsonString(xLabel)),\"log\":\(hasLogarithmicX),"
      + "\"s\":[\(series.joined(separator: ","))]}"
  }

  /// As JSON has it; single precision is enough for a readout, where it has room.
  private func digits(_ value: Double) -> String {
    let single = Float(value)
    return single.isFinite ? "\(single)" : "\(value)"
  }
}

/// The class of a colour: eight colours, then the same ones dashed; text's colour for `inkColor`.
func colorClass(_ index: Int) -> String {
  index == inkColor ? "ink" : "c\(index % 8)" + (index / 8 % 2 == 1 ? " dashed" : "")
}

/// A name behind a stroke of its colour.
func legendEntry(_ name: String, _ color: Int) -> String {
  "<li><span class='key \(colorClass(color))'></span>\(escaped(name))</li>"
}

/// What stands for no recipe.
let inkColor = -1

/// Figures side by side; nothing where none has content.
func charts(_ figures: [String]) -> String {
  let figures = figures.filter { !$0.isEmpty }
  return figures.isEmpty ? "" : "<div class='charts'>\(figures.joined())</div>"
}

/// A drawing under its title; a wide one takes the room of two.
func figure(_ title: String, _ drawing: String, isWide: Bool = false) -> String {
  "<figure\(isWide ? " class='wide'" : "")><figcaption>\(escaped(title))</figcaption>\(drawing)</figure>"
}
