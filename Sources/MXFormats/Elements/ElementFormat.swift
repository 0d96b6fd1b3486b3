/// A 4-bit floating-point format as data: three bits of magnitude, of which some are the exponent and the rest the
/// mantissa; bit 3 is the sign. Magnitudes, exponents and thresholds follow from these numbers.
///
/// Source: OCP Microscaling Formats specification v1.0, section 5.3.3 (E2M1); Documentation/Numerics.md, section 1.
/// E3M0 is the ablation of the paper's Table 7. A code has four bits, 0…15; values are without a unit until a group's
/// scale multiplies them. Every code has a value: there is no NaN and no infinity.
public struct ElementFormat: Hashable, Sendable, BitwiseCopyable {
  /// Bits of the exponent.
  package let exponentBits: Int
  /// Bits of the mantissa.
  package let mantissaBits: Int
  /// What the stored exponent is above the real one.
  package let bias: Int

  /// A format of `exponentBits` + `mantissaBits` = 3 bits of magnitude.
  package init(exponentBits: Int, mantissaBits: Int, bias: Int) {
    precondition(
      exponentBits > 0 && mantissaBits >= 0 && exponentBits + mantissaBits == 3,
      "\(exponentBits) bits of exponent and \(mantissaBits) of mantissa are not three")
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
  }

  /// Two exponent bits, one mantissa bit: 0, .5, 1, 1.5, 2, 3, 4, 6.
  public static let e2m1 = ElementFormat(exponentBits: 2, mantissaBits: 1, bias: 1)
  /// Three exponent bits, no mantissa: 0, .25, .5, 1, 2, 4, 8, 16.
  public static let e3m0 = ElementFormat(exponentBits: 3, mantissaBits: 0, bias: 3)

  /// Integers, 0 … 7: with one bit of exponent, both binades have the same step.
  public static let int4 = ElementFormat(exponentBits: 1, mantissaBits: 2, bias: -1)

  /// The largest code of a magnitude.
  static let largestCode: UInt8 = 7

  /// The magnitude of a code 0…7. Codes of the lowest binade have no leading one: there lies zero.
  package func magnitude(of code: UInt8) -> Float {
    precondition(code <= Self.largestCode, "a code of a magnitude, not \(code)")
    let stored = Int(code) >> mantissaBits
    let fraction = Int(code) & (1 << mantissaBits - 1)
    let steps = stored == 0 ? fraction : fraction | 1 << mantissaBits
    return Float(steps) * E8M0.power(max(stored, 1) - bias - mantissaBits)
  }

  /// The eight magnitudes in the order of their codes, ascending.
  public var magnitudes: [Float] { (0...Self.largestCode).map(magnitude) }

  /// The largest magnitude, without a unit as all values: 6 for E2M1 (OCP Microscaling Formats specification v1.0, section
  /// 5.3.3), 16 for E3M0. `ScaleRule.truncationFree` lets no scaled number pass it.
  public var maximum: Float { magnitude(of: Self.largestCode) }

  /// The exponent of the largest magnitude, `emax`: 2 or 4.
  package var maximumExponent: Int { Int(maximum.exponent) }

  /// The exponent of the smallest step: every value is an integer times 2^−1 (E2M1) or 2^−2 (E3M0).
  package var stepExponent: Int { 1 - bias - mantissaBits }

  /// The value of a code 0…15. Code 8 is −0.
  public func value(of code: UInt8) -> Float {
    precondition(code < 16, "a 4-bit code, not \(code)")
    let magnitude = magnitude(of: code & Self.largestCode)
    return code & 8 == 0 ? magnitude : -magnitude
  }

  /// As the specification writes it, in small letters: "e2m1"; "int4".
  package var name: String {
    self == .int4 ? "int4" : "e\(exponentBits)m\(mantissaBits)"
  }
}
