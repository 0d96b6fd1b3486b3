import Foundation

/// The weights of the last epochs, each in a file of its own (`checkpoint.keep`).
extension RunDirectory {
  private static let prefix = "epoch-"

  /// The weights after so many epochs.
  func checkpoint(epochs: Int) -> String {
    let digits = "\(epochs)"
    let zeros = String(repeating: "0", count: max(0, 4 - digits.count))
    return "\(path)/\(Self.prefix)\(zeros)\(digits).safetensors"
  }

  /// After how many epochs weights were kept; also those of files that a kill has left half written.
  private var keptEpochs: Set<Int> {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return Set(
      names.compactMap { name in
        guard name.hasPrefix(Self.prefix) else { return nil }
        return Int(name.dropFirst(Self.prefix.count).prefix(while: \.isNumber))
      })
  }

  /// The files in which weights are kept.
  var keptCheckpoints: [String] { keptEpochs.map(checkpoint(epochs:)) }

  /// Removes all but the last ones.
  ///
  /// - Parameter epochs: after how many epochs the newest was written.
  func removeCheckpoints(keeping count: Int, upTo epochs: Int) {
    for old in keptEpochs where old <= epochs - count {
      try? FileManager.default.removeItem(atPath: checkpoint(epochs: old))
    }
  }
}
