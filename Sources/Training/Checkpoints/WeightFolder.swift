import Foundation

/// Which file of a folder holds a model's weights: a run's last checkpoint, `model.safetensors` of a model that was
/// saved by transformers or timm, or `model.gguf`.
enum WeightFolder {
  private static let pretrainedName = "model.safetensors"

  /// The file that a path stands for; the path itself where it is no folder.
  ///
  /// - Throws: `WeightFileError` where the model lies in several files, or in a format of Python's own.
  static func file(of path: String) throws -> String {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return path
    }
    let names = [RunDirectory.lastName, pretrainedName, "model.gguf"]
    if let name = names.first(where: { files.fileExists(atPath: "\(path)/\($0)") }) {
      return "\(path)/\(name)"
    }
    let others = (try? files.contentsOfDirectory(atPath: path)) ?? []
    let index = "\(pretrainedName).index.json"
    if others.contains(index) {
      let shards = others.count { $0.hasPrefix("model-") && $0.hasSuffix(".safetensors") }
      throw WeightFileError.sharded(folder: path, index: index, files: shards)
    }
    if let pickle = others.sorted().first(where: WeightFileError.isPickle) {
      throw WeightFileError.pickle("\(path)/\(pickle)")
    }
    return "\(path)/\(RunDirectory.lastName)"
  }
}
