import MXRuntime

/// How far a matrix has moved, in double precision.
package struct RowMovement: Equatable, Sendable {
  /// Σ(after − before)², and Σ before².
  package private(set) var change = 0.0, magnitude = 0.0
  /// How many elements are not what they were.
  package private(set) var differing = 0

  /// ‖after − before‖ / ‖before‖; 0 where nothing moved.
  package var rate: Double { change == 0 ? 0 : (change / magnitude).squareRoot() }

  /// The movement from one matrix to another of its shape.
  package init(from before: FloatMatrix, to after: FloatMatrix) {
    precondition(before.count == after.count, "\(before.count) elements moved to \(after.count)")
    for (old, new) in zip(before.elements, after.elements) {
      let step = Double(new - old)
      change += step * step
      magnitude += Double(old) * Double(old)
      if old != new { differing += 1 }
    }
  }
}
