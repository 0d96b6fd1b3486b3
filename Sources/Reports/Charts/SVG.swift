/// Puts elements of SVG into text. Colours come from the page's style sheet by class, so that a chart follows light and
/// dark, screen and paper.
struct SVG {
  private var elements: [String] = []
  /// The size of the drawing, in its own units; on a page it takes the width there is.
  let width, height: Double
  private let label: String

  /// An empty drawing; `label` says to those who cannot see it what it shows.
  init(width: Double, height: Double, label: String) {
    (self.width, self.height, self.label) = (width, height, label)
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String) {
    elements.append(
      "<line x1='\(n(x1))' y1='\(n(y1))' x2='\(n(x2))' y2='\(n(y2))' class='\(name)'/>")
  }

  mutating func polyline(_ points: [(x: Double, y: Double)], class name: String) {
    let text = points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
    elements.append("<polyline points='\(text)' class='\(name)'/>")
  }

  mutating func polygon(_ points: [(x: Double, y: Double)], class name: String) {
    let text = points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
    elements.append("<polygon points='\(text)' class='\(name)'/>")
  }

  mutating func circle(_ x: Double, _ y: Double, _ radius: Double, class name: String) {
    elements.append("<circle cx='\(n(x))' cy='\(n(y))' r='\(n(radius))' class='\(name)'/>")
  }

  /// A filled rectangle, with a tip that a pointer shows.
  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, class name: String,
    style: String = "", tip: String = ""
  ) {
    let title = tip.isEmpty ? "" : "<title>\(escaped(tip))</title>"
    let style = style.isEmpty ? "" : " style='\(style)'"
    elements.append(
      "<rect x='\(n(x))' y='\(n(y))' width='\(n(width))' height='\(n(height))' "
        + "class='\(name)'\(style)>\(title)</rect>")
  }

  /// Words; `isUpright` turns them by a quarter about their place, so that they are read from below.
  mutating func text(
    _ x: Double, _ y: Double, _ text: String, class name: String, isUpright: Bool = false
  ) {
    let turn = isUpright ? " transform='rotate(-90 \(n(x)) \(n(y)))'" : ""
    elements.append(
      "<text x='\(n(x))' y='\(n(y))' class='\(name)'\(turn)>\(escaped(text))</text>")
  }

  /// The drawing; `data` are attributes for the page's script.
  func text(data: String = "") -> String {
    "<svg viewBox='0 0 \(n(width)) \(n(height))' role='img' aria-label='\(escaped(label))'\(data)>"
      + elements.joined() + "</svg>"
  }
}

/// A coordinate: tenths are finer than any screen. What lies beyond all drawings stays outside; what is no number is 0.
func n(_ value: Double) -> String {
  let tenths = value.isNaN ? 0 : Int((min(max(value, -1e6), 1e6) * 10).rounded())
  return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
}

/// Text that stands in HTML, also within quotes.
func escaped(_ text: String) -> String {
  var result = ""
  for character in text {
    switch character {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    default: result.append(character)
    }
  }
  return result
}
