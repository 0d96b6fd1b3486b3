import MXFormats

/// How one of the six operands of a linear layer is quantized.
public struct QuantizerRecipe: Equatable, Sendable {
  /// The format of elements, groups and scales.
  public var format: BlockFormat
  /// How scales are chosen.
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding

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
