import Files
import Foundation

/// Where a sweep keeps its runs: `runs/` with a folder each, `recipes/` with what they are trained by, `logs/` with what they print,
/// and the tables beside them.
package struct StudyFolder: Sendable {
  /// How far a run has come.
  package enum State: Sendable {
    /// It has a summary; it has a checkpoint; there is nothing to go on from.
    case finished, begun, new
  }

  private let path: String

  /// A folder that is there, or will be made.
  package init(_ path: String) { self.path = path }

  /// The run's own folder.
  package func folder(_ run: StudyGrid.Run) -> String { "\(path)/runs/\(run.folder)" }
  /// The recipe that it is trained by.
  package func recipe(_ run: StudyGrid.Run) -> String { "\(path)/recipes/\(run.folder).yaml" }
  /// What it prints.
  package func log(_ run: StudyGrid.Run) -> String { "\(path)/logs/\(run.folder).log" }
  /// The page of figures.
  package var page: String { "\(path)/report.html" }
  /// The tables, by the ending of their names.
  package func table(_ ending: String) -> String { "\(path)/table.\(ending)" }

  /// Refuses runs whose images are not there, and those that are there already and were trained by other recipes.
  ///
  /// - Throws: `StudyError`; what is wrong with a recipe that is there, or with the images.
  package func check(_ runs: [StudyGrid.Run]) throws {
    var paths: Set<String> = []
    for data in runs.map(\.recipe.data) where paths.insert(data.path).inserted {
      _ = try DataLocation(data.path, besideRun: nil).open(data.split)
    }
    for run in runs where FileManager.default.fileExists(atPath: recipe(run)) {
      let earlier = try Recipe(settings: RecipeSetting.read(recipe(run)))
      guard let change = run.recipe.changes(since: earlier).first(where: \.key.changesResult)
      else { continue }
      throw StudyError(
        "\(folder(run)) was begun with \(change.key.name) = \(change.before), and the grid says \(change.now); choose "
          + "another --output, or remove that folder and its recipe")
    }
  }

  /// Makes the folder and writes the recipes.
  ///
  /// - Returns: the right to train there, which lives as long as this; nil where the file system cannot lock.
  /// - Throws: `FileError`; `StudyError` where another sweep trains there.
  package func prepare(_ runs: [StudyGrid.Run]) throws -> FolderLock? {
    for name in ["runs", "recipes", "logs"] {
      do {
        try FileManager.default.createDirectory(
          atPath: "\(path)/\(name)", withIntermediateDirectories: true)
      } catch {
        throw FileError("create", "\(path)/\(name)")
      }
    }
    let lock: FolderLock?
    switch FolderLock.attempt(path) {
    case .held(let own): lock = own
    case .impossible: lock = nil
    case .taken(let holder):
      throw StudyError("\(path) is in use by \(holder); wait for it, or choose another --output")
    }
    for run in runs { try writeFileAtomically(recipe(run), text: run.recipe.yaml) }
    return lock
  }

  /// How far a run has come.
  package func state(_ run: StudyGrid.Run) -> State {
    let directory = RunDirectory(reading: folder(run))
    if FileManager.default.fileExists(atPath: directory.summary) { return .finished }
    return directory.hasCheckpoint ? .begun : .new
  }

  /// The epoch that a run is in, from 1, by the last line of its metrics; nil before there is one.
  package func epoch(_ run: StudyGrid.Run) -> Int? {
    struct Line: Decodable { let epoch: Int }
    let path = RunDirectory(reading: folder(run)).metrics
    // No line of metrics that ends an epoch is longer, unless someone asked for a thousand trajectories.
    guard let file = FileHandle(forReadingAtPath: path), let end = try? file.seekToEnd(),
      (try? file.seek(toOffset: end - min(end, 1 << 18))) != nil,
      let bytes = try? file.readToEnd(),
      let last = bytes.split(separator: UInt8(ascii: "\n")).last
    else { return nil }
    return (try? parseJSON(last, as: Line.self)).map { $0.epoch + 1 }
  }

  /// Takes away what a run has written that has no checkpoint: it begins again.
  package func clear(_ run: StudyGrid.Run) {
    try? FileManager.default.removeItem(atPath: folder(run))
  }

  /// The last line of a run's log that says what is wrong; nil where none does.
  package func complaint(_ run: StudyGrid.Run) -> String? {
    guard let bytes = try? readFile(log(run), limit: 1 << 26) else { return nil }
    let prefix = "tetrajet: "
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }
}

/// A study's folder cannot be used: by other recipes than it was begun with, or by two sweeps at once.
package struct StudyError: ReportableError {
  /// What is wrong, and what to do.
  package let description: String

  init(_ description: String) { self.description = oneLine(description) }

  /// What was asked cannot be done.
  package var category: ErrorCategory { .usage }
}
