import MXCompute
import MXFormats

/// What a recipe asks of a layer's six operands, worked out once: how each is encoded, and what the backward pass is
/// left.
struct LinearPlan: Sendable {
  /// What Q6 goes on from.
  enum Kept: Equatable {
    /// X itself, in single precision.
    case input
    /// Q1(X), in codes or rounded numbers: the double quantization of the paper.
    case quantizedInput
    /// Q6(X), in codes: X itself is read while it is at hand.
    case finalInput
  }

  /// What is done about channels with large inputs; nil for nothing.
  let outControl: OutControl?
  /// Of what is wide.
  private let wideEncoding: Encoding?
  /// Of Q1 … Q6.
  private let encodings: [Operand: Encoding]
  /// Of operands without a quantizer.
  private let unquantized: Encoding
  let kept: Kept
  /// Whether Q4 reads Q2(W), or W.
  let q4ReadsQuantized: Bool
  /// Whether Q1 and Q2 read rotated operands, so that what goes on from Q1(X) or Q2(W) is rotated, too.
  let rotatesForward: Bool
  /// By what.
  let rotation: QuantizerRecipe.Rotation
  /// Whether dW and dX come out rotated.
  var rotatesWeightGradient: Bool { rotatesForward && kept == .quantizedInput }
  var rotatesInputGradient: Bool { rotatesForward && q4ReadsQuantized }
  /// Whether Q2(W) is kept for the backward pass: where it is codes, which take little.
  var keepsWeight: Bool { self[.q2].isCodes || wideChannels != nil }

  init(_ recipe: LinearRecipe, engine: Engine) {
    let isPacked = { recipe.engine(of: $0, asked: engine) == .packed }
    var encodings: [Operand: Encoding] = [:]
    for operand in Operand.allCases {
      encodings[operand] = recipe.quantizer(of: operand).map {
        isPacked(operand.product) ? .codes($0) : .rounded($0)
      }
    }
    unquantized = recipe.unquantized.encoding
    q4ReadsQuantized = recipe.q4ReadsQuantized && recipe[.q2] != nil
    rotatesForward = recipe.rotates(.y)
    rotation = recipe.rotation
    outControl = recipe.outControl
    wideEncoding = outControl.map {
      engine == .packed && $0.format.isPackable ? .codes($0.quantizer) : .rounded($0.quantizer)
    }
    if recipe.q6ReadsQuantized, let q1 = recipe.quantizer(of: .q1) {
      kept = .quantizedInput
      // Kept, codes take an eighth or a quarter, and give the same numbers.
      if engine == .packed, q1.format.isPackable { encodings[.q1] = .codes(q1) }
    } else {
      kept = isPacked(.dw) ? .finalInput : .input
    }
    self.encodings = encodings
  }

  /// The channels that have a wide format by now; nil for none.
  var wideChannels: OutControl? { outControl.flatMap { $0.phase == .chosen ? $0 : nil } }

  /// Whether the layer counts how large its inputs are.
  var countsChannels: Bool { outControl?.phase == .counting }

  /// How an operand of wide channels is encoded, where the narrow ones have this one.
  func wide(like operand: Operand) -> Encoding {
    self[operand].quantizer == nil ? self[operand] : wideEncoding ?? self[operand]
  }

  /// How an operand is encoded.
  subscript(operand: Operand) -> Encoding { encodings[operand] ?? unquantized }

  /// Whether Y can be computed once more from what is kept: both its operands are there as codes.
  var canRecomputeOutput: Bool { kept == .quantizedInput && areCodes(.q1, .q2) }

  /// Whether dX can be computed while it is read.
  var canDeferInputGradient: Bool {
    areCodes(.q3, .q4) && !rotatesInputGradient && wideChannels == nil
  }

  /// Whether Q3 and Q5 are one: the same numbers, rounded by the same draw, where one grid is good for both axes.
  var sharesGradient: Bool {
    self[.q3].quantizer?.format.scale == .one && self[.q3].quantizer == self[.q5].quantizer
  }

  private func areCodes(_ a: Operand, _ b: Operand) -> Bool {
    self[a].isCodes && self[b].isCodes
  }
}
