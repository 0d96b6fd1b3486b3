import Files
import ImageData

/// What a run was trained and tested on, as `data.json` in its folder says: by content, and where that lay.
///
/// It stays out of checkpoints of weights: where images lie changes nothing in what is trained.
struct DataRecord: Decodable, Equatable {
  /// The path as it was given.
  var path: String
  /// The same from the root on, and from the run's folder on; nil for "digits".
  var absolutePath, pathFromRun: String?
  /// Fingerprints of the images to train on and to test with (`ImageDataset.fingerprint`).
  var trainFingerprint, testFingerprint: String
  /// How many images each class has, by label.
  var trainCounts, testCounts: [Int]
  /// What the classes are called, by label.
  var classNames: [String]

  enum CodingKeys: String, CodingKey {
    case path
    case absolutePath = "absolute_path"
    case pathFromRun = "path_from_run"
    case trainFingerprint = "train_fingerprint"
    case testFingerprint = "test_fingerprint"
    case trainCounts = "train_counts"
    case testCounts = "test_counts"
    case classNames = "class_names"
  }

  static let fileName = "data.json"

  /// - Parameters:
  ///   - path: as the recipe has it.
  ///   - run: the run's folder.
  init(_ data: ImageDatasets, path: String, run: String) {
    (self.path, classNames) = (path, data.train.classNames)
    if path != "digits" {
      absolutePath = DatasetPath.absolute(path)
      pathFromRun = DatasetPath.relative(path, to: run)
    }
    (trainFingerprint, testFingerprint) = (data.train.fingerprint, data.test.fingerprint)
    (trainCounts, testCounts) = (data.train.classCounts, data.test.classCounts)
  }

  /// The record in a run's folder; nil where there is none or none that can be read: it helps, and is not needed.
  init?(in folder: String) {
    guard
      let record = try? readJSON("\(folder)/\(Self.fileName)", as: Self.self, limit: 1 << 28)
    else { return nil }
    self = record
  }

  /// Writes it into a run's folder.
  func write(in folder: String) throws {
    var line = JSONLine()
    line.add(CodingKeys.path.rawValue, path)
    if let absolutePath { line.add(CodingKeys.absolutePath.rawValue, absolutePath) }
    if let pathFromRun { line.add(CodingKeys.pathFromRun.rawValue, pathFromRun) }
    line.add(CodingKeys.trainFingerprint.rawValue, trainFingerprint)
    line.add(CodingKeys.testFingerprint.rawValue, testFingerprint)
    line.add(CodingKeys.trainCounts.rawValue, trainCounts)
    line.add(CodingKeys.testCounts.rawValue, testCounts)
    line.add(CodingKeys.classNames.rawValue, classNames)
    try writeFileAtomically("\(folder)/\(Self.fileName)", text: line.lines)
  }
}
