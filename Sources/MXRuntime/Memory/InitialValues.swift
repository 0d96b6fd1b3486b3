/// What the numbers of a parameter are before any training.
package enum InitialValues: Sendable, Equatable {
  /// All the same.
  case constant(Float)
  /// N(0, deviation²).
  case normal(deviation: Float)
  /// Uniform in ±bound.
  case uniform(bound: Float)

  /// The number of a parameter at a place.
  package func value(at place: Int, _ random: RandomStream) -> Float {
    switch self {
    case .constant(let value): value
    case .normal(let deviation): random.normal(place) * deviation
    case .uniform(let bound): (2 * random.uniform(place) - 1) * bound
    }
  }
}
