/// A 4-bit floating-point format: three bits of magnitude, bit 3 is the sign.
///
/// Source: OCP Microscaling Formats specification v1.0, section 5.3.3 (E2M1); Documentation/Numerics.md, section 1.
/// E3M0 is the ablation of the paper's Table 7. A code has four bits, 0…15; values are without a unit until a group's
/// scale, a power of two, multiplies them. Every code has a value: neither format has a NaN or an infinity.
public enum ElementFormat: String, CaseIterable, Sendable, BitwiseCopyable {
  /// Two exponent bits, one mantissa bit: 0, .5, 1, 1.5, 2, 3, 4, 6.
  case e2m1
  /// Three exponent bits, no mantissa: 0, .25, .5, 1, 2, 4, 8, 16.
  case e3m0

  /// The eight magnitudes in the order of their codes, ascending.
  public var magnitudes: [Float] {
    switch self {
    case .e2m1: Self.e2m1Magnitudes
    case .e3m0: Self.e3m0Magnitudes
    }
  }

  private static let e2m1Magnitudes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
  private static let e3m0Magnitudes: [Float] = [0, 0.25, 0.5, 1, 2, 4, 8, 16]

  /// The largest magnitude: 6 or 16.
  public var maximum: Float { magnitudes[7] }

  /// The exponent of the largest magnitude, `emax`: 2 or 4.
  public var maximumExponent: Int {
    switch self {
    case .e2m1: 2
    case .e3m0: 4
    }
  }

  /// The exponent of the smallest step: every value is an integer times 2^−1 (E2M1) or 2^−2 (E3M0).
  var stepExponent: Int {
    switch self {
    case .e2m1: -1
    case .e3m0: -2
    }
  }

  /// The value of a code 0…15. Code 8 is −0.
  public func value(of code: UInt8) -> Float {
    precondition(code < 16, "a 4-bit code, not \(code)")
    let magnitude = magnitudes[Int(code & 7)]
    return code & 8 == 0 ? magnitude : -magnitude
  }
}
