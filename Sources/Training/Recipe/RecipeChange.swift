/// Something of a run that is not what it was when its checkpoint was written.
package struct RecipeChange: Sendable, Equatable, CustomStringConvertible {
  /// A recipe's key, or words for something of the data.
  package let name: String
  /// What it was, and what it is.
  package let before, now: String

  /// "optimizer.learning_rate was 0.001, is 0.002".
  package var description: String { "\(name) was \(before.short), is \(now.short)" }
}

extension String {
  /// Lists of a thousand classes do not belong into an error.
  fileprivate var short: String { count <= 60 ? self : "\(prefix(57))…" }
}
