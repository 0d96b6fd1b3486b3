import Files

/// A file of 4-bit tensors that cannot be looked at, or is not what it should be.
package enum VerificationError: ReportableError, Equatable {
  /// The file has no 4-bit tensors.
  case noCodes(String)
  /// A folder has several files that are models of their own.
  case severalFiles(String, [String])
  /// Two files of a folder have a tensor of one name.
  case twice(String, tensor: String)
  /// Something is wrong; what, and how much more.
  case unsound(String, problem: String, more: Int)

  /// Bad data.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .noCodes(let path):
      "\(path): has no 4-bit tensors: no NAME_blocks with NAME_scales, no NAME.weight_packed, no NAME.weight of 32-bit "
        + "words, no MXFP4 of ggml's, no FLOAT4E2M1 of ONNX's; of a checkpoint in full precision, 'tetrajet quantize' or 'export' makes some"
    case .severalFiles(let path, let files):
      "\(path): holds \(files.count) files, as \(files[0]) and \(files[1]); name one of them"
    case .twice(let path, let tensor):
      "\(path): tensor '\(tensor)' is in another file of the folder, too; take the file that is none of the model's away"
    case .unsound(let path, let problem, let more):
      "\(path): \(problem)"
        + (more > 0 ? " (and \(counted(more, "more problem", "more problems")))" : "")
    }
  }
}
