import Files

/// What can be wrong with a GGUF file.
package struct GGUFError: ReportableError, Equatable {
  /// The fault, with what was found.
  package enum Fault: Sendable, Equatable {
    /// The file ends inside its header, where it should have something.
    case ends(in: String)
    /// A version that is not read.
    case version(UInt32)
    /// Numbers with their most significant byte first.
    case bigEndian
    /// The header claims more things than its bytes can hold.
    case count(of: String, claimed: UInt64, most: Int)
    /// A name, a key or a note that is no text.
    case text(offset: Int)
    /// Two tensors, or two keys, have one name.
    case duplicate(name: String)
    /// A key whose value has a type that the format does not have.
    case valueType(key: String, found: UInt32)
    /// A key that is not what it must be.
    case note(key: String, expected: String)
    /// The boundary of the tensors' bytes is none.
    case alignment(UInt64)
    /// A tensor whose extents are none, or too many of them.
    case extents(tensor: String, found: [UInt64])
    /// A tensor whose type this package does not read.
    case type(tensor: String, found: GGMLType)
    /// A tensor in MXFP4 whose inputs make no whole groups.
    case inputs(tensor: String, found: Int)
    /// A tensor that does not begin at the boundary.
    case boundary(tensor: String, offset: UInt64, alignment: Int)
    /// A tensor whose bytes lie behind the end of the file.
    case range(tensor: String, begin: UInt64, bytes: Int, available: Int)
    /// Two tensors share bytes.
    case overlap(first: String, second: String)
    /// The bytes do not have the hash that the file carries.
    case checksum(found: String, expected: String)
  }

  /// The file.
  package let path: String
  /// What is wrong with it.
  package let fault: Fault

  /// Bad data, always.
  package var category: ErrorCategory { .badData }

  /// One line: the path, what was found, what was expected, what to try.
  package var description: String { oneLine("\(path): GGUF, \(text)") }

  private var text: String {
    switch fault {
    case .ends(let part):
      "but it ends inside its header, in \(part); it is truncated or damaged: get the file once more"
    case .version(let version):
      "but of version \(version); versions 2 and 3 are read: write it anew with llama.cpp's tools"
    case .bigEndian:
      "but big-endian (most significant byte first); convert it with the gguf package's gguf-convert-endian"
    case .count(let things, let claimed, let most):
      "but its header claims \(claimed) \(things), and there is room for \(most) at most; the file is damaged"
    case .text(let offset):
      "but the text at byte \(offset) is not UTF-8; the file is damaged"
    case .duplicate(let name): "but its header names '\(name)' twice"
    case .valueType(let key, let found):
      "but its key '\(key)' has a value of type \(found), which the format does not have; the file is damaged"
    case .note(let key, let expected): "but its key '\(key)' is not \(expected)"
    case .alignment(let found):
      "but its general.alignment is \(found); expected a power of two up to \(GGUFHeader.largestAlignment)"
    case .extents(let tensor, let found):
      "but tensor '\(tensor)' has the extents \(found); expected one to \(GGUFHeader.mostExtents) positive ones"
    case .type(let tensor, let found):
      "but tensor '\(tensor)' is stored as \(found.name) (ggml's type \(found.number)); F32, F16, BF16, F64 and MXFP4 "
        + "(39) are read: convert it from the original file again, with --outtype f32"
    case .inputs(let tensor, let found):
      "but tensor '\(tensor)' in MXFP4 has \(found) inputs, which make no whole groups of 32"
    case .boundary(let tensor, let offset, let alignment):
      "but tensor '\(tensor)' begins at \(offset), which is no multiple of \(alignment); the file is damaged"
    case .range(let tensor, let begin, let bytes, let available):
      "but tensor '\(tensor)' claims \(bytes) bytes from \(begin) on, of \(available); the file is damaged or truncated"
    case .overlap(let first, let second): "but tensors '\(first)' and '\(second)' overlap"
    case .checksum(let found, let expected):
      "but damaged: its bytes have the SHA-256 \(found.prefix(12))…, and were written with "
        + "\(expected.prefix(12))…; use another copy"
    }
  }
}
