import Files
import Foundation
import ImageData

/// Where the images are that a checkpoint was trained on: its run's folder knows, the file does not, so that the same
/// training gives the same bytes wherever the images lie. (Files of earlier versions do.)
struct TrainingData {
  /// The path of a recipe that does not say.
  static let unknownPath = "unknown"

  /// The checkpoint, for messages.
  let file: String
  /// As the run's recipe has it; nil where nobody knows.
  let path: String?
  /// The run's folder, where one is beside the file.
  let run: String?
  /// The fingerprint of the images that it was trained on; nil in files of earlier versions.
  let trainFingerprint: String?
  /// That of the images that it was tested with.
  let testFingerprint: String?

  /// None: of a model whose weights are made up.
  init(none name: String) {
    file = name
    (path, run, trainFingerprint, testFingerprint) = (nil, nil, nil, nil)
  }

  /// - Parameter recipe: the file's own.
  init(_ file: some TensorFile, _ recipe: Recipe) {
    let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent().relativePath
    let record = DataRecord(in: folder)
    trainFingerprint = file.metadata["train_fingerprint"]
    // Another run's checkpoint may have been copied there.
    let isRuns =
      record != nil && (trainFingerprint ?? record?.trainFingerprint) == record?.trainFingerprint
    self.file = file.path
    run = isRuns ? folder : nil
    testFingerprint = isRuns ? record?.testFingerprint : nil
    path =
      recipe.data.path != Self.unknownPath ? recipe.data.path : isRuns ? record?.path : nil
  }

  /// The images to test with.
  ///
  /// - Parameters:
  ///   - given: "digits" or a path that takes the place of what the checkpoint was trained on; nil for that.
  ///   - split: the checkpoint's.
  /// - Throws: `RunError.dataUnknown` where none is given and nobody knows; what opening them throws.
  func images(
    given: String?, split: ValidationSplit
  ) throws -> (path: String, images: LabelledImages) {
    if let given {
      return (given, try LabelledImages(given, split: split, trainedOn: trainFingerprint))
    }
    guard let path else { throw RunError.dataUnknown(file) }
    let (found, data) = try DataLocation(path, besideRun: run).open(split)
    var images = LabelledImages(testing: data)
    if let testFingerprint, images.images.fingerprint != testFingerprint {
      images.notes.append("these are not the test images that the run had")
    }
    return (found, images)
  }
}
