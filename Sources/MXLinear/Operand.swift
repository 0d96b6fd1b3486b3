import MXFormats

/// The six quantizers of a linear layer, in the paper's numbering (Eq. 3–5; Documentation/Numerics.md, section 4).
public enum Operand: String, CaseIterable, Sendable {
  /// X [N, D] in the forward product; groups along D.
  case q1
  /// W [C, D] in the forward product; groups along D.
  case q2
  /// dY [N, C] in the product for dX; groups along C.
  case q3
  /// W [C, D] in the product for dX; groups along C.
  case q4
  /// dY [N, C] in the product for dW; groups along N.
  case q5
  /// X [N, D] in the product for dW; groups along N.
  case q6

  /// Along which axis of the operand as it lies in memory the groups run.
  public var axis: GroupAxis {
    switch self {
    case .q1, .q2, .q3: .rows
    case .q4, .q5, .q6: .columns
    }
  }

  /// The product that reads it.
  public var product: LinearProduct {
    switch self {
    case .q1, .q2: .y
    case .q3, .q4: .dx
    case .q5, .q6: .dw
    }
  }

  /// What is quantized, for messages.
  var tensor: String {
    switch self {
    case .q1, .q6: "input"
    case .q2, .q4: "weight"
    case .q3, .q5: "output gradient"
    }
  }
}
