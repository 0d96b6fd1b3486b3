/// A format that files have which people take for safetensors: known by the first bytes, once they make no sense as a
/// safetensors header. (A pickle's first bytes can be a header's length, so that this is not asked earlier.)
package enum ForeignFormat: Sendable, Equatable {
  /// What Git leaves in place of a file that it has not fetched.
  case gitLFS
  /// `model.safetensors.index.json`: says in which files the tensors lie.
  case shardIndex
  /// Another JSON text, as config.json.
  case json
  /// A zip archive, as PyTorch and NumPy (.npz) write.
  case zip
  /// A bare pickle, as PyTorch wrote before version 1.6.
  case pickle
  /// llama.cpp's.
  case gguf
  /// A graph of ONNX operators.
  case onnx
  /// A NumPy array.
  case numpy
  /// HDF5, as Keras writes.
  case hdf5
  /// A page of a website.
  case html
  /// A gzip stream.
  case gzip

  /// The format of a file, where its first bytes tell.
  init?(of file: borrowing FileDescriptor) throws {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    self.init(start: bytes.prefix(count))
  }

  private init?(start: ArraySlice<UInt8>) {
    let signatures: [(ForeignFormat, [UInt8])] = [
      (.gitLFS, Array("version https://git-lfs".utf8)), (.zip, Array("PK\u{3}\u{4}".utf8)),
      (.gguf, Array("GGUF".utf8)), (.numpy, [0x93] + Array("NUMPY".utf8)),
      (.hdf5, [0x89] + Array("HDF\r\n".utf8)), (.gzip, [0x1F, 0x8B]),
      (.pickle, [0x80, 2]), (.pickle, [0x80, 3]), (.pickle, [0x80, 4]), (.pickle, [0x80, 5]),
    ]
    if let known = signatures.first(where: { start.starts(with: $0.1) }) {
      self = known.0
      return
    }
    // A protobuf message whose first fields are the format's version and the producer's name.
    if start.count > 2, start[0] == 0x08, start[1] < 0x80, start[2] == 0x12 {
      self = .onnx
      return
    }
    let text = String(decoding: start, as: UTF8.self).drop(while: \.isWhitespace)
    switch text.first {
    case "{":
      self =
        text.contains("\"weight_map\"") || text.contains("\"total_size\"") ? .shardIndex : .json
    case "<"
    where text.lowercased().hasPrefix("<!doctype html") || text.lowercased().hasPrefix("<html"):
      self = .html
    default: return nil
    }
  }

  /// What it is and what to do, as it completes "FILE: ".
  package var description: String {
    switch self {
    case .gitLFS:
      "a Git LFS pointer, not the file that it stands for; fetch that with 'git lfs pull'"
    case .shardIndex:
      "an index of a model in several files, not a file of weights; \(Self.joining)"
    case .json: "JSON, not safetensors; the weights are in another file, often model.safetensors"
    case .zip:
      "a zip archive, not safetensors: PyTorch's pickle, or NumPy's .npz; \(Self.converting)"
    case .pickle: "a pickle of Python's, not safetensors; \(Self.converting)"
    case .gguf:
      "GGUF, llama.cpp's format, not safetensors; take the safetensors file that it was made from"
    case .onnx: "ONNX, which holds a graph; take the safetensors file that it was made from"
    case .numpy:
      "a NumPy array, not safetensors; write it with safetensors.numpy.save_file in Python"
    case .hdf5:
      "HDF5, as Keras writes, not safetensors; load it in Python and write it with safetensors.torch.save_file"
    case .html:
      "a page of a website, not safetensors: the download went wrong, or asks for a login; fetch it once more"
    case .gzip: "a gzip stream, not safetensors; unpack it with gunzip"
    }
  }

  /// How several files become one.
  package static let joining =
    "join the files in Python: from glob import glob; from safetensors.torch import load_file, save_file; w = {}; "
    + "[w.update(load_file(f)) for f in glob('model-*.safetensors')]; save_file(w, 'model.safetensors')"

  private static let converting =
    "convert it in Python: from safetensors.torch import save_file; import torch; "
    + "save_file(torch.load('FILE', weights_only=True), 'weights.safetensors') (take ['model'] of it where the "
    + "weights lie there)"
}
