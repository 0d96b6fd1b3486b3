/// How the scale of a group follows from its largest magnitude M = f·2^e, 1 ≤ f < 2.
///
/// One rule with one parameter τ, the largest M/S it permits; for E2M1 s = e − 2 + b with b = 1 where f
/// asks for it (`Documentation/Numerics.md`, "Scale"). f and e are read from the bits of M, never through a
/// logarithm, which in low precision clips values by 2–4 %.
public enum ScaleRule: String, CaseIterable, Sendable {
  /// The smallest s with M ≤ max·2^s, for any format; τ = 6 for E2M1. This paper, RCEIL.
  case truncationFree = "truncation-free"
  /// M rounded to the mantissa bits of the element format first; τ = 7 for E2M1. torchao EVEN, Quark.
  case even
  /// ⌊log2 M⌋ − emax, and one more where f > 1.8125; τ = 7.25 for E2M1. AMD's ALTO, which finds the constant by a
  /// search for the exponent of least squared error on E2M1; other formats take the same fraction.
  case uos
  /// ⌊log2 M⌋ − emax; τ = 8 for E2M1. OCP, the Microscaling baseline, ggml.
  case floor
  /// ⌈log2 M⌉ − emax; τ = 4 for E2M1. torchao CEIL.
  case ceil

  /// The largest 23-bit fraction of M, whose significand is f = 1 + fraction/2²³, that does not yet raise the
  /// exponent; all ones where none does.
  package func fractionThreshold(_ format: ElementFormat) -> UInt32 {
    let fractionBits = Float.significandBitCount
    return switch self {
    case .truncationFree: format.maximum.significandBitPattern
    // Half a step of the mantissa below the next power of two; the tie goes up, to the even side.
    case .even: 1 << fractionBits - 1 << (fractionBits - format.mantissaBits - 1) - 1
    case .uos: 0x68_0000
    case .floor: 1 << fractionBits - 1
    case .ceil: 0
    }
  }

  /// τ, the largest M/S that the rule permits.
  package func largestRatio(_ format: ElementFormat) -> Float {
    let fractions = Float(1 << Float.significandBitCount)
    // The bound itself, where a rule permits all below it.
    let significand = ((1 + Float(fractionThreshold(format)) / fractions) * 1024).rounded() / 1024
    return significand * Float(sign: .plus, exponent: format.maximumExponent, significand: 1)
  }

  /// The scale of a group whose largest magnitude is `maximum`.
  ///
  /// Zero gives byte 0, a NaN or an infinity gives byte 255. Exponents outside −127…127 are brought
  /// to the nearest one inside.
  public func scale(maximum: Float, format: ElementFormat) -> E8M0 {
    guard maximum.isFinite else { return .nan }
    if maximum == 0 { return E8M0(byte: 0) }
    // `exponent` and `significand` read the bits, for subnormals too.
    let isAbove = maximum.significand.significandBitPattern > fractionThreshold(format)
    return E8M0(exponent: Int(maximum.exponent) - format.maximumExponent + (isAbove ? 1 : 0))
  }
}
