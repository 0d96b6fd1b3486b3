import MXFormats

/// How one of the six operands of a linear layer is quantized.
public struct QuantizerRecipe: Equatable, Sendable {
  /// The format of elements, groups and scales.
  public var format: BlockFormat
  /// How scales are chosen.
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding
  /// Whether whole groups of 32 are multiplied with Sylvester's Hadamard matrix over √32 before they are quantized; a last group
  /// that is shorter stays as it is. A product of two operands that are both rotated is that of those that are not, but for
  /// what the quantizers lose. Formats with an outer scale are not rotated.
  public var rotates = false

  /// By default the forward quantizer of TetraJet.
  public init(
    format: BlockFormat = .mxfp4, scaleRule: ScaleRule = .truncationFree,
    rounding: Rounding = .nearestEven
  ) {
    self.format = format
    self.scaleRule = scaleRule
    self.rounding = rounding
  }
}
