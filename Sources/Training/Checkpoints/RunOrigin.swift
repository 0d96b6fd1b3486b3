import Foundation
import ImageData
import Runtime

/// What a run is trained by and on. A checkpoint carries it, so that a resume notices what has changed since.
struct RunOrigin {
  /// The resolved recipe.
  let recipe: Recipe
  /// How many training images there are.
  let images: Int
  /// Their classes by label.
  let classNames: [String]

  init(_ recipe: Recipe, _ dataset: any ImageDataset) {
    (self.recipe, images, classNames) = (recipe, dataset.count, dataset.classNames)
  }

  /// For a checkpoint's metadata.
  var metadata: [String: String] {
    [
      "recipe": recipe.yaml, "train_images": "\(images)", "class_names": jsonArray(classNames),
      Checkpoint.versionKey: Version.current,
    ]
  }

  /// What can change the result and is not what it was when a checkpoint was written; one of a version that carried
  /// nothing has not changed.
  ///
  /// - Parameter trained: the checkpoint's recipe.
  func changes(since file: SafetensorsFile, trained: Recipe?) -> [RecipeChange] {
    var changes: [RecipeChange] = []
    if let trained {
      changes = recipe.changes(since: trained).filter(\.key.changesResult)
        .map { RecipeChange(name: $0.key.name, before: $0.before, now: $0.now) }
    }
    for (name, before, now) in [
      ("the number of training images", file.metadata["train_images"], "\(images)"),
      ("the list of classes", file.metadata["class_names"], jsonArray(classNames)),
    ] {
      if let before, before != now {
        changes.append(RecipeChange(name: name, before: before, now: now))
      }
    }
    return changes
  }
}

/// Something of a run that is not what it was when its checkpoint was written.
public struct RecipeChange: Sendable, Equatable, CustomStringConvertible {
  /// A recipe's key, or words for something of the data.
  public let name: String
  /// What it was, and what it is.
  public let before, now: String

  /// "optimizer.learning_rate was 0.001, is 0.002".
  public var description: String { "\(name) was \(before.short), is \(now.short)" }
}

extension String {
  /// Lists of a thousand classes do not belong into an error.
  fileprivate var short: String { count <= 60 ? self : "\(prefix(57))…" }
}

/// Strings as a JSON array.
func jsonArray(_ strings: [String]) -> String {
  "[" + strings.map(jsonString).joined(separator: ", ") + "]"
}
