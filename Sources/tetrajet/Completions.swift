import ArgumentParser
import Oscillation
import Training

extension CompletionKind {
  /// The names of methods, pairs of remedies among them.
  static let methods = CompletionKind.list(
    (Method.allCases + RemedyName.combinations.map { Method(.tetrajet, [$0, $1]) }).map(\.rawValue))

  /// The keys of a recipe, as `--set` takes them: the value is left to type.
  static let assignments = CompletionKind.list(
    RecipeKey.names.map { "\($0)=" })
}
