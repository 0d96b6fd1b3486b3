import Files
import Foundation

/// Weights that are there, but not in one safetensors file.
package enum WeightFileError: ReportableError, Equatable {
  /// A format of Python's own.
  case pickle(String)
  /// A folder whose model lies in several files.
  case sharded(folder: String, index: String, files: Int)

  /// Bad data.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine(text) }

  /// Whether a file's name says that Python's pickle wrote it.
  static func isPickle(_ name: String) -> Bool {
    ["pth", "pt", "bin", "ckpt", "npz"].contains((name as NSString).pathExtension.lowercased())
  }

  private var text: String {
    switch self {
    case .pickle(let path):
      "\(path) is not safetensors; convert it in Python: from safetensors.torch import save_file; import torch; "
        + "save_file(torch.load('\(path)', weights_only=True), 'weights.safetensors') (take ['model'] of it where "
        + "the weights lie there)"
    case .sharded(let folder, let index, let files):
      "\(folder): the model lies in \(files) files, which \(index) lists; \(ForeignFormat.joining)"
    }
  }
}
