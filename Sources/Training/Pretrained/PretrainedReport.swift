import Files
import MXRuntime

/// What was taken from a file of pretrained weights.
package struct PretrainedReport: Sendable, Equatable {
  /// A parameter whose values had another shape.
  package struct Reshaped: Sendable, Equatable {
    /// The parameter.
    package let name: String
    /// What it is there for.
    let role: ParameterTable.Role
    /// The file's shape, and the model's.
    package let from, to: [Int]

    init(_ entry: ParameterTable.Entry, from shape: [Int]) {
      (name, role, from, to) = (entry.name, entry.part.role, shape, entry.shape)
    }
  }

  /// The file.
  package let path: String
  /// Parameters that were taken as they are.
  package var loaded = 0
  /// Parameters that were interpolated to the model's resolution.
  package var reshaped: [Reshaped] = []
  /// Layer scales that were multiplied into the weights before them.
  package var foldedScales = 0
  /// Whether the position embedding has no place for the class token, which then gets zeros.
  package var isClassTokenUnplaced = false
  /// Parameters that keep their initial values: the file does not have them, or for other classes.
  package var initial: [String] = []
  /// Parameters that keep their initial values because the file has them for patches of another size.
  package var misfits: [Reshaped] = []
  /// Tensors of the file that the model has no place for.
  package var unused: [String] = []

  /// A line each on what was done.
  package var lines: [String] {
    func list(_ names: [String]) -> String {
      names.prefix(6).joined(separator: ", ")
        + (names.count > 6 ? " and \(names.count - 6) more" : "")
    }
    var lines = ["\(path): \(counted(loaded, "tensor")) loaded, \(reshaped.count) reshaped"]
    lines += reshaped.map { "reshaped: \($0.name) from \($0.from) to \($0.to)" }
    if foldedScales > 0 {
      lines.append(
        "LayerScale: \(foldedScales) multiplied into attn.proj and mlp.fc2, the same function")
    }
    if isClassTokenUnplaced {
      lines.append(
        "pos_embed has no place for the class token, which gets zeros: the same function")
    }
    if !initial.isEmpty { lines.append("initial values: \(list(initial))") }
    lines += misfits.map {
      "initial values, the file's shape \($0.from) is not \($0.to): \($0.name)"
    }
    if !unused.isEmpty { lines.append("not used: \(list(unused))") }
    return lines
  }
}
