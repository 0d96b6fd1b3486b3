/// How the scale of a group follows from its largest magnitude M = f·2^e, 1 ≤ f < 2.
///
/// One rule with one parameter τ, the largest M/S it permits; for E2M1 s = e − 2 + b with b = 1 where f
/// asks for it (the table in NUMERICS section 2). f and e are read from the bits of M, never through a
/// logarithm, which in low precision clips values by 2–4 %.
public enum ScaleRule: String, CaseIterable, Sendable {
  /// The smallest s with M ≤ max·2^s, for any format; τ = 6 for E2M1. This paper, RCEIL.
  case truncationFree = "truncation-free"
  /// M rounded to the mantissa bits of the element format first; τ = 7 for E2M1. torchao EVEN, Quark.
  case even
  /// ⌊log2 M⌋ − emax; τ = 8 for E2M1. OCP, the Microscaling baseline, ggml.
  case floor
  /// ⌈log2 M⌉ − emax; τ = 4 for E2M1. torchao CEIL.
  case ceil

  /// The scale of a group whose largest magnitude is `maximum`.
  ///
  /// Zero gives byte 0, a NaN or an infinity gives byte 255. Exponents outside −127…127 are brought
  /// to the nearest one inside.
  public func scale(maximum: Float, format: ElementFormat) -> E8M0 {
    guard maximum.isFinite else { return .nan }
    if maximum == 0 { return E8M0(byte: 0) }
    // `exponent` and `significand` read the bits, for subnormals too.
    let f = maximum.magnitude.significand
    let above =
      switch (self, format) {
      case (.truncationFree, .e2m1): f > 1.5
      case (.truncationFree, .e3m0): f > 1
      case (.even, .e2m1): f >= 1.75
      case (.even, .e3m0): f >= 1.5
      case (.floor, _): false
      case (.ceil, _): f > 1
      }
    return E8M0(exponent: Int(maximum.exponent) - format.maximumExponent + (above ? 1 : 0))
  }
}
