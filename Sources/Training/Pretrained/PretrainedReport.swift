import Runtime

/// What was taken from a file of pretrained weights.
public struct PretrainedReport: Sendable, Equatable {
  /// A parameter whose values had another shape.
  public struct Reshaped: Sendable, Equatable {
    /// The parameter.
    public let name: String
    /// The file's shape, and the model's.
    public let from, to: [Int]
  }

  /// The file.
  public let path: String
  /// Parameters that were taken as they are.
  public var loaded = 0
  /// Parameters that were interpolated to the model's resolution.
  public var reshaped: [Reshaped] = []
  /// Layer scales that were multiplied into the weights before them.
  public var foldedScales = 0
  /// Whether the position embedding has no place for the class token, which then gets zeros.
  public var isClassTokenUnplaced = false
  /// Parameters that keep their initial values: the file does not have them, or for other classes.
  public var initial: [String] = []
  /// Parameters that keep their initial values because the file has them for patches of another size.
  public var misfits: [Reshaped] = []
  /// Tensors of the file that the model has no place for.
  public var unused: [String] = []

  /// A line each on what was done.
  public var lines: [String] {
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
