/// What can be wrong with a safetensors file.
package struct SafetensorsError: ReportableError, Equatable {
  /// The fault, with what was found.
  package enum Fault: Sendable, Equatable {
    /// The file ends before its 8-byte length field does.
    case noHeader(fileLength: Int)
    /// The header claims more bytes than the file has, or more than the format's 100 MB.
    case headerLength(claimed: UInt64, available: Int)
    /// The header is not the JSON it must be, at a byte of the file.
    case syntax(offset: Int, expected: String)
    /// Two tensors, or two keys of one tensor, have the same name.
    case duplicate(name: String)
    /// An element type that the format does not have.
    case type(tensor: String, found: String)
    /// The shape and the type ask for another number of bytes than the offsets span.
    case size(tensor: String, shape: [Int], type: String, spanned: Int)
    /// Offsets that run backwards or past the end of the file.
    case range(tensor: String, begin: Int, end: Int, available: Int)
    /// Two tensors share bytes.
    case overlap(first: String, second: String)
    /// Bytes that belong to no tensor, at an offset after the header.
    case hole(offset: Int)
    /// A tensor that is needed is not there.
    case missing(tensor: String, nearest: String?)
    /// A tensor that the model does not have.
    case stranger(tensor: String)
    /// A tensor has another shape than is needed.
    case shape(tensor: String, found: [Int], expected: [Int])
    /// A tensor has a type that cannot serve here.
    case unsuitable(tensor: String, type: String, expected: String)
    /// A tensor of one number has one that cannot serve here.
    case value(tensor: String, found: Float, expected: String)
    /// A metadata entry that is needed is missing or cannot be read.
    case metadata(key: String, found: String?, expected: String)
    /// The file is shorter than it was when its header was read.
    case truncated(tensor: String)
    /// A weight is a NaN or an infinity; of how many numbers that are none, and of how many in all.
    case notFinite(tensor: String, isNaN: Bool, count: Int, total: Int)
    /// The file is of another format.
    case foreign(ForeignFormat)
    /// The bytes do not have the hash that the file carries.
    case checksum(found: String, expected: String)
  }

  /// The file.
  package let path: String
  /// What is wrong with it.
  package let fault: Fault

  /// A fault of a file.
  package init(path: String, fault: Fault) {
    self.path = path
    self.fault = fault
  }

  /// Bad data, always.
  package var category: ErrorCategory { .badData }

  /// One line: the path, what was found, what was expected, what to try.
  package var description: String { oneLine("\(path): \(text)") }

  private var text: String {
    switch fault {
    case .noHeader(let length):
      "not a safetensors file: it has \(length) bytes, fewer than the 8 of its length field"
    case .headerLength(let claimed, let available):
      "not a safetensors file, or a truncated one: its header claims \(claimed) bytes, "
        + "and \(available) follow"
    case .syntax(let offset, let expected):
      "not a safetensors header: expected \(expected) at byte \(offset)"
    case .duplicate(let name):
      "the header names '\(name)' twice"
    case .type(let tensor, let found):
      "tensor '\(tensor)' has type '\(found)'; known types are "
        + TensorType.allCases.map(\.rawValue).joined(separator: ", ")
    case .size(let tensor, let shape, let type, let spanned):
      "tensor '\(tensor)' of shape \(shape) and type \(type) does not fit the \(spanned) bytes "
        + "its offsets span"
    case .range(let tensor, let begin, let end, let available):
      "tensor '\(tensor)' claims bytes \(begin) to \(end) of \(available); the file is damaged or "
        + "truncated"
    case .overlap(let first, let second):
      "tensors '\(first)' and '\(second)' overlap"
    case .hole(let offset):
      "bytes from offset \(offset) on belong to no tensor"
    case .missing(let tensor, let nearest):
      "has no tensor '\(tensor)'" + (nearest.map { "; the nearest name is '\($0)'" } ?? "")
    case .stranger(let tensor):
      "tensor '\(tensor)' does not belong to this model; is it a checkpoint of another architecture?"
    case .shape(let tensor, let found, let expected):
      "tensor '\(tensor)' has shape \(found); this model needs \(expected)"
    case .value(let tensor, let found, let expected):
      "tensor '\(tensor)' is \(found); expected \(expected)"
    case .unsuitable(let tensor, let type, let expected):
      "tensor '\(tensor)' has type \(type); expected \(expected)"
    case .metadata(let key, let found, let expected):
      "metadata '\(key)' is \(found.map { "'\($0)'" } ?? "missing"); expected \(expected)"
    case .truncated(let tensor):
      "ends in the middle of tensor '\(tensor)'"
    case .notFinite(let tensor, let isNaN, let count, let total):
      "tensor '\(tensor)' holds \(isNaN ? "a NaN" : "an infinity") (\(count) of its \(total) numbers are not "
        + "finite): the training or the conversion that wrote it broke down; use an earlier checkpoint"
    case .foreign(let format): format.description
    case .checksum(let found, let expected):
      "is damaged: its bytes have the SHA-256 \(found.prefix(12))…, and were written with "
        + "\(expected.prefix(12))…; use another copy (a file that was changed on purpose must lose the "
        + "metadata '\(SafetensorsChecksum.key)')"
    }
  }
}
