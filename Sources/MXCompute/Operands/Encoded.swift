import MXFormats
import MXRuntime

/// What a product is to read of a matrix.
package enum Encoding: Equatable, Sendable {
  /// Its numbers as they are.
  case exact
  /// The nearest numbers in bfloat16, in single precision.
  case bfloat16
  /// The numbers that a quantizer makes of them, in single precision: simulated 4-bit arithmetic.
  case rounded(QuantizerRecipe)
  /// The quantizer's 4-bit codes and their scales.
  case codes(QuantizerRecipe)

  /// Whether it is codes.
  package var isCodes: Bool { if case .codes = self { true } else { false } }

  /// Whether it is codes of a quantizer that can read a matrix part by part.
  var readsParts: Bool { isCodes && quantizer?.readsParts == true }

  /// The same under an outer scale, for which the matrix must be known first.
  var partsHaveOuterScale: Bool { readsParts && quantizer?.format.outerScale == OuterScale.matrix }

  /// The quantizer; nil where there is none.
  package var quantizer: QuantizerRecipe? {
    switch self {
    case .exact, .bfloat16: nil
    case .rounded(let quantizer), .codes(let quantizer): quantizer
    }
  }
}

/// What numbers are that a product reads without a quantizer. Sums are in single precision.
public enum OperandPrecision: String, CaseIterable, Sendable {
  /// Single precision.
  case fp32
  /// bfloat16: the nearest, ties to even, infinity above the largest.
  case bf16

  /// What a product is to read.
  package var encoding: Encoding {
    switch self {
    case .fp32: .exact
    case .bf16: .bfloat16
    }
  }
}

/// A matrix as a product reads it: numbers in single precision, or 4-bit codes with scales, contracted along one axis.
///
/// The memory belongs to the arena that it was made in, or to the owner of the exact numbers.
package struct Encoded: BitwiseCopyable {
  package enum Content: BitwiseCopyable {
    case numbers(FloatMatrix)
    case codes(MXMatrixView)
  }
  package let content: Content
  /// The axis of the matrix along which it is contracted; groups of codes lie along it.
  package let axis: GroupAxis
  /// The outer scale of its format; nil where that has none.
  package let outerScale: Float?
  /// Whether its numbers have that in them.
  private let includesOuterScale: Bool

  /// What its numbers, or the values of its codes, are still to be multiplied with.
  package var pendingScale: Float? { includesOuterScale ? nil : outerScale }

  /// An operand that is still to be multiplied with the outer scale, if there is one.
  package init(_ content: Content, axis: GroupAxis, outerScale: Float? = nil) {
    (self.content, self.axis, self.outerScale) = (content, axis, outerScale)
    includesOuterScale = false
  }

  /// What a quantizer made of numbers. Those on one grid are in its unit, all others what they are.
  init(rounded x: FloatMatrix, axis: GroupAxis, _ format: BlockFormat, outerScale: Float?) {
    (content, self.axis, self.outerScale) = (.numbers(x), axis, outerScale)
    includesOuterScale = format.scale != .one
  }

  /// The outer scale under which it is quantized once more, so that both have the same: its own, where the format stays; else
  /// nil.
  func keptOuterScale(_ encoding: Encoding) -> Float? {
    guard let quantizer = encoding.quantizer, quantizer.rotation == nil,
      quantizer.format.outerScale == .matrix
    else { return nil }
    let format = quantizer.format
    switch content {
    case .numbers: return includesOuterScale == (format.scale != .one) ? outerScale : nil
    case .codes(let view): return view.format == format ? outerScale : nil
    }
  }

  /// A matrix in single precision, as it is.
  package init(exact x: FloatMatrix, axis: GroupAxis) { self.init(.numbers(x), axis: axis) }

  /// Whether it is codes.
  package var isCodes: Bool { if case .codes = content { true } else { false } }

  /// Rows and columns of the matrix.
  package var shape: (rows: Int, columns: Int) {
    switch content {
    case .numbers(let x): (x.rows, x.columns)
    case .codes(let view):
      axis == .rows ? (view.lanes, view.length) : (view.length, view.lanes)
    }
  }

  /// Rows of the product that it is the left operand of, columns where it is the right one.
  var lanes: Int { axis == .rows ? shape.rows : shape.columns }
}

/// What a quantizer lost of the numbers that it read.
package struct QuantizerLosses: BitwiseCopyable, Sendable, Equatable {
  /// Elements that it read.
  package var elements = 0
  /// Elements above the largest magnitude of their group's grid, which the quantizer clips. None under truncation-free
  /// scales.
  package var saturated = 0
  /// Elements other than zero that became zero.
  package var underflowed = 0

  /// Nothing lost.
  package init() {}

  package init(elements: Int, saturated: Int, underflowed: Int) {
    (self.elements, self.saturated, self.underflowed) = (elements, saturated, underflowed)
  }

  /// Adds what was lost elsewhere.
  package static func += (a: inout QuantizerLosses, b: QuantizerLosses) {
    a.elements += b.elements
    a.saturated += b.saturated
    a.underflowed += b.underflowed
  }
}
