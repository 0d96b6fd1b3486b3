/// A point of a curve, with the range over seeds.
package struct SeriesPoint: Sendable, Equatable {
  let x, y: Double
  let low, high: Double

  /// A point; `low` and `high` are the range over seeds.
  package init(x: Double, y: Double, low: Double, high: Double) {
    (self.x, self.y, self.low, self.high) = (x, y, low, high)
  }
}
