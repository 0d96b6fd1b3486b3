import Files

/// A run's folder that is not what it should be.
package enum RunError: ReportableError, Equatable {
  /// A run lies in the folder that a new one was to be written to.
  case exists(String)
  /// Another process writes to the folder: which.
  case busy(String, String)
  /// There is no recipe in the folder.
  case notARun(String)
  /// The run was stopped before its first checkpoint.
  case nothingToResume(String)
  /// Both checkpoints of a run are damaged: what is wrong with each.
  case bothDamaged(newest: String, previous: String)
  /// The recipe or the data is not what the checkpoint was trained by.
  case changed(path: String, [RecipeChange])
  /// A checkpoint away from its run's folder, which alone knows where the images are.
  case dataUnknown(String)
  /// The data set has another number of classes than the checkpoint, which does not name its own.
  case classes(path: String, found: Int, expected: Int)
  /// The data set has no class of the checkpoint's: the names of both.
  case noCommonClass(path: String, found: [String], expected: [String])
  /// Two classes of a data set, or of a model, have one name, and so it cannot be matched by name.
  case ambiguousClass(path: String, name: String)

  /// What kind of fault it is.
  package var category: ErrorCategory {
    switch self {
    case .exists, .busy, .changed, .dataUnknown: .usage
    case .notARun, .nothingToResume, .bothDamaged, .classes, .noCommonClass, .ambiguousClass:
      .badData
    }
  }

  /// One line.
  package var description: String {
    switch self {
    case .exists(let path):
      "\(path) already holds a run; choose another --output, or continue it with --resume \(path)"
    case .busy(let path, let holder):
      "\(path) is being written by \(holder); wait for its end or stop it, or choose another --output"
    case .notARun(let path):
      "\(path) is not the folder of a run: it has no recipe.yaml"
    case .nothingToResume(let path):
      "\(path) has no resume.safetensors: the run stopped before its first checkpoint; start it "
        + "again (\(path) may be its --output), or save more often with checkpoint.every_steps"
    case .bothDamaged(let newest, let previous):
      "neither checkpoint can be read: \(newest); and the one before it: \(previous)"
    case .changed(let path, let changes):
      "\(path) cannot simply go on, it was trained otherwise: "
        + changes.prefix(8).map(\.description).joined(separator: "; ")
        + (changes.count > 8 ? "; and \(changes.count - 8) more" : "")
        + "; undo that, start a new run, or go on all the same with --allow-changes"
    case .dataUnknown(let path):
      "\(path) does not say where the images are that it was trained on, and the folder of its run "
        + "(data.json) is not beside it; give them with --data"
    case .classes(let path, let found, let expected):
      "\(path) has \(counted(found, "class", "classes")), but the model was trained on \(expected); give --data the "
        + "images it was trained for"
    case .noCommonClass(let path, let found, let expected):
      "\(path) has no class that the model knows: its classes are \(Self.list(found)), the model's "
        + "\(Self.list(expected)); give the folders the model's names, or give --data the images it was trained for"
    case .ambiguousClass(let path, let name):
      "two classes of \(path) are called '\(name)', so that they cannot be matched by name; give each a name of its own"
    }
  }

  /// The first of some names.
  private static func list(_ names: [String]) -> String {
    names.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
      + (names.count > 4 ? " and \(names.count - 4) more" : "")
  }
}
