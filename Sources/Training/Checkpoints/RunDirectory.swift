import EventFiles
import Files
import Foundation

/// The folder of a run and the files in it.
package struct RunDirectory: Sendable {
  static let lastName = "last.safetensors"

  /// The folder.
  package let path: String
  /// Keeps others from writing to the folder; nil for one that is only read, or cannot be locked.
  private let lock: FolderLock?
  /// Why the folder could not be locked, in one line.
  let lockWarning: String?

  /// The resolved recipe.
  package var recipe: String { "\(path)/recipe.yaml" }
  /// The recipe that a run had up to a step, where it goes on by another.
  func recipe(untilStep step: Int) -> String { "\(path)/recipe.until-step-\(step).yaml" }
  /// One JSON object a line.
  package var metrics: String { "\(path)/metrics.jsonl" }
  /// What came out.
  package var summary: String { Self.summary(of: path) }
  /// The last evaluation, class by class.
  package var evaluation: String { "\(path)/evaluation.json" }
  /// How gradients of its weights lie to the exact ones, where anybody asked (`GradientStudy`).
  package var gradients: String { "\(path)/gradients.json" }
  /// The weights of the last epoch.
  package var last: String { "\(path)/\(Self.lastName)" }
  /// The weights of the epoch with the best top-1.
  package var best: String { "\(path)/best.safetensors" }
  /// The averaged weights of the last epoch, where the recipe asks for them.
  package var average: String { "\(path)/average.safetensors" }
  /// What `--resume` reads, and the one before it.
  package var resume: String { "\(path)/resume.safetensors" }
  var previousResume: String { "\(path)/resume.previous.safetensors" }

  /// The summary of the run in a folder.
  package static func summary(of path: String) -> String { "\(path)/summary.json" }

  /// The files that a run writes in its folder, whether they are there or not.
  package static func files(of path: String) -> [String] {
    let run = RunDirectory(reading: path)
    return [
      run.recipe, run.metrics, run.summary, run.evaluation, run.last, run.best, run.average,
      run.resume, run.previousResume, run.gradients,
    ]
  }

  /// Whether a path is the folder of a run that has weights.
  package static func isRun(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: RunDirectory(reading: path).last)
  }

  /// The folder of a run of which nothing is expected.
  package init(reading path: String) { (self.path, lock, lockWarning) = (path, nil, nil) }

  /// A folder for a new run under a name that nothing has yet: `base`, or the first of `base-2`, `base-3` and so on.
  ///
  /// - Throws: `FileError` where the folder cannot be made.
  package init(numbering base: String) throws {
    var (path, number) = (base, 1)
    try Self.createFolders((base as NSString).deletingLastPathComponent)
    while mkdir(path, 0o755) != 0 {
      guard errno == EEXIST else { throw FileError("create", path) }
      number += 1
      path = "\(base)-\(number)"
    }
    try self.init(creating: path)
  }

  /// A folder for a new run.
  ///
  /// - Throws: `RunError.exists` where a run has left a checkpoint there, `RunError.busy` where another process writes
  ///   one, `FileError` where the folder cannot be made. A run that stopped before its first checkpoint may be started over.
  package init(creating path: String) throws {
    try Self.checkIsFree(path)
    try Self.createFolders(path)
    self.path = path
    (lock, lockWarning) = try Self.lock(path)
    // Another process may have left one before the lock was free.
    if holdsRun { throw RunError.exists(path) }
    removePartialFiles()
    if FileManager.default.fileExists(atPath: metrics) {
      try writeFileAtomically(metrics, text: "")
    }
    try EventFile.rewind(in: path, toStep: 0)
  }

  /// Refuses a folder in which a run has left a checkpoint.
  ///
  /// - Throws: `RunError.exists`.
  static func checkIsFree(_ path: String) throws {
    if Self(reading: path).holdsRun { throw RunError.exists(path) }
  }

  /// The folder of an earlier run.
  ///
  /// - Throws: `RunError` where there is no run, none that has saved a checkpoint, or one that goes on in another process.
  package init(existing path: String) throws {
    guard FileManager.default.fileExists(atPath: Self(reading: path).recipe) else {
      throw RunError.notARun(path)
    }
    self.path = path
    (lock, lockWarning) = try Self.lock(path)
    guard hasCheckpoint else { throw RunError.nothingToResume(path) }
    removePartialFiles()
  }

  private static func lock(_ path: String) throws -> (FolderLock?, warning: String?) {
    switch FolderLock.attempt(path) {
    case .held(let lock): (lock, nil)
    case .taken(let holder): throw RunError.busy(path, holder)
    case .impossible(let error):
      (nil, "\(error); see to it that no other process writes to this run")
    }
  }

  /// Whether a run has left a checkpoint here.
  private var holdsRun: Bool {
    let files = FileManager.default
    // Weights beside a recipe and no checkpoint: the run was killed while it saved its first epoch.
    let isUnfinished = files.fileExists(atPath: recipe)
    return [resume, previousResume, summary].contains(where: files.fileExists)
      || !isUnfinished && [last, best].contains(where: files.fileExists)
  }

  /// Whether there is something to go on from.
  var hasCheckpoint: Bool {
    [resume, previousResume].contains(where: FileManager.default.fileExists)
  }

  /// Removes what a process that was killed had half written.
  private func removePartialFiles() {
    let own = [recipe, metrics, summary, evaluation, last, best, average, resume]
    for file in own + keptCheckpoints {
      Files.removePartialFiles(of: file)
    }
  }

  /// Removes what a run writes before it begins, and the folder where nothing else is in it.
  func removeUnbegun() {
    guard !hasCheckpoint else { return }
    for file in [recipe, "\(path)/\(DataRecord.fileName)"] { unlink(file) }
    let left = try? FileManager.default.contentsOfDirectory(atPath: path)
    // The lock goes with the folder's last file, and so does the folder.
    if left?.allSatisfy({ $0 == FolderLock.name }) ?? false {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// Adds a line to the metrics.
  func append(_ line: JSONLine) throws {
    try FileDescriptor(appending: metrics).append(line.text + "\n")
  }

  /// Takes the metrics back to a step (`MetricsFile.rewind`); there need not be any.
  func rewindMetrics(toStep step: Int) throws {
    guard FileManager.default.fileExists(atPath: metrics) else { return }
    try MetricsFile.rewind(metrics, toStep: step)
  }

  private static func createFolders(_ path: String) throws {
    try Files.createFolders(path)
    guard access(path, W_OK) == 0 else { throw FileError("write", path) }
  }
}
