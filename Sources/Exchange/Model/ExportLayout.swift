import Files
import MXFormats

/// A layout in which other software reads models in 4 bits.
package enum ExportLayout: String, CaseIterable, Sendable {
  /// The pairs `T_blocks` and `T_scales` of published MXFP4 checkpoints, under transformers' names.
  case hf
  /// What transformers and vLLM run through the package compressed-tensors.
  case compressedTensors = "compressed-tensors"
  /// One file for ggml.
  case gguf
  /// Apple's MLX.
  case mlx
  /// A graph that ONNX runtimes run.
  case onnx

  /// Whether it is a folder of several files.
  package var isFolder: Bool { self != .gguf && self != .onnx }

  /// The formats that weights can have there.
  package var formats: [BlockFormat] {
    self == .compressedTensors ? [.mxfp4, .nvfp4] : [.mxfp4]
  }

  /// The files of such a folder.
  package static let folderFiles: Set = [
    HubFolder.weights, HubFolder.configuration, HubFolder.preprocessor,
  ]
}

extension ExportedModel {
  /// Writes the files of a layout into a folder.
  ///
  /// - Precondition: the layout is a folder.
  /// - Throws: `FileError`, `SafetensorsError`.
  package func write(_ layout: ExportLayout, rest: RestType, into folder: String) throws {
    switch layout {
    case .hf: try HubFolder(self, names: .transformers, rest).writePairs(into: folder)
    case .compressedTensors:
      try HubFolder(self, names: .transformers, rest).writeCompressedTensors(into: folder)
    case .mlx: try HubFolder(self, names: .timm, rest).writeMLX(into: folder)
    case .gguf, .onnx: preconditionFailure("\(layout) is one file")
    }
  }

  /// Writes a layout that is one file.
  ///
  /// - Precondition: the layout is no folder.
  /// - Parameter weights: how ONNX has them.
  /// - Throws: `FileError`, `OutputError`.
  package func write(
    _ layout: ExportLayout, rest: RestType, weights: ONNXWeights, to output: OutputFile
  ) throws {
    switch layout {
    case .gguf: try output.write { try GGUFFile(self, rest).write($0) }
    case .onnx: try output.write { try ONNXModel(self, weights, rest: rest).write($0) }
    case .hf, .compressedTensors, .mlx: preconditionFailure("\(layout) is a folder")
    }
  }
}
