import Files
import Foundation

/// The two checkpoints that a run keeps: the newest one and the one before it.
extension RunDirectory {
  /// Moves a finished checkpoint to its place; the newest one so far becomes the one before it. A kill between the two
  /// leaves the older one, which the next resume finds.
  func placeResume(_ finished: String) throws {
    if FileManager.default.fileExists(atPath: resume) {
      try moveFile(resume, to: previousResume)
    }
    try moveFile(finished, to: resume)
  }

  /// Opens the newest checkpoint whose bytes are those that were written.
  ///
  /// A damaged one is put aside as `resume.damaged.safetensors`, so that it never takes the place of the good one before it.
  ///
  /// - Parameter onDamage: is told in one line what is wrong with the newest, where the one before it serves.
  /// - Throws: `RunError.bothDamaged`; what is wrong with the only one.
  func openResume(onDamage: (String) -> Void) throws -> SafetensorsFile {
    func open(_ path: String) throws -> SafetensorsFile {
      let file = try SafetensorsFile(path: path)
      try file.verifyChecksum()
      // Versions that saved between epochs only wrote no hash.
      guard file.hasChecksum || !ResumeState.hasPlaceInEpoch(file) else {
        throw file.error(
          .metadata(key: "tetrajet.sha256", found: nil, expected: "the hash of the file's bytes"))
      }
      return file
    }
    let files = FileManager.default
    guard files.fileExists(atPath: resume) else { return try open(previousResume) }
    do {
      return try open(resume)
    } catch  where Self.isDamage(error) && files.fileExists(atPath: previousResume) {
      let previous: SafetensorsFile
      do {
        previous = try open(previousResume)
      } catch let second where Self.isDamage(second) {
        throw RunError.bothDamaged(newest: "\(error)", previous: "\(second)")
      }
      try moveFile(resume, to: "\(path)/resume.damaged.safetensors")
      onDamage("\(error); going on from the checkpoint before it, \(previousResume)")
      return previous
    }
  }

  /// Whether an error means that a file's bytes are bad, and not that, say, it may not be read.
  private static func isDamage(_ error: any Error) -> Bool {
    error is SafetensorsError || (error as? FileError)?.code == EIO
  }
}
