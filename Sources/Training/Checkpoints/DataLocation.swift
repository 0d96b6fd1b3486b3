import ImageData

/// Where a run's images are to be looked for: its path is a hint, and what lies there decides.
struct DataLocation {
  /// The paths at which something lies, the likeliest first; the path as it was written where nothing lies at any.
  let candidates: [String]
  private let record: DataRecord?

  /// - Parameters:
  ///   - path: as the run's recipe has it.
  ///   - folder: the run's, beside whose checkpoint and recipe lies what is known of its data; nil for none.
  init(_ path: String, besideRun folder: String?) {
    record = folder.flatMap(DataRecord.init(in:))
    guard path != "digits" else {
      candidates = [path]
      return
    }
    // As written from here; where it lay when the run was made; where it lay from the run, if both were moved together.
    var paths = [path]
    if let record, let folder, record.path == path {
      let moved = record.pathFromRun.flatMap { DatasetPath.normalized("\(folder)/\($0)") }
      paths += [record.absolutePath, moved].compactMap(\.self)
    }
    // Most often all of them are one place.
    var places: Set<String?> = []
    let found = paths.filter {
      DatasetPath.exists($0) && places.insert(DatasetPath.normalized($0)).inserted
    }
    candidates = found.isEmpty ? [path] : found
  }

  /// The data set at the first candidate that holds what the run was trained on; the first that is one where none
  /// does.
  ///
  /// - Throws: what `ImageDatasets.open` throws of the first.
  func open(_ split: ValidationSplit) throws -> (path: String, data: ImageDatasets) {
    guard candidates.count > 1, let record else {
      return (candidates[0], try ImageDatasets.open(candidates[0], split: split))
    }
    var fallback: (path: String, data: ImageDatasets)?
    for path in candidates {
      guard let data = try? ImageDatasets.open(path, split: split) else { continue }
      if data.train.fingerprint == record.trainFingerprint { return (path, data) }
      if fallback == nil { fallback = (path, data) }
    }
    if let fallback { return fallback }
    return (candidates[0], try ImageDatasets.open(candidates[0], split: split))
  }
}
