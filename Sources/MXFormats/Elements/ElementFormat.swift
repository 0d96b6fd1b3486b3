/// A floating-point format of up to eight bits as data: bits of magnitude, of which some are the exponent and the rest the
/// mantissa, and the sign above them. Magnitudes, exponents and thresholds follow from these numbers.
///
/// Source: OCP Microscaling Formats specification v1.0, section 5.3 (E2M1, E2M3, E3M2, E4M3, E5M2); Documentation/Numerics.md,
/// section 1. E3M0 is the ablation of the paper's Table 7. Values are without a unit until a group's scale multiplies them.
/// The largest codes of eight bits stand for no number; quantizers never give them.
public struct ElementFormat: Hashable, Sendable, BitwiseCopyable {
  /// Bits of the exponent.
  package let exponentBits: Int
  /// Bits of the mantissa.
  package let mantissaBits: Int
  /// What the stored exponent is above the real one.
  package let bias: Int
  /// The code of the largest magnitude.
  package let largestCode: UInt8

  /// A format of `exponentBits` + `mantissaBits` = 3, 5 or 7 bits of magnitude.
  ///
  /// - Parameter reserved: how many of the largest codes stand for an infinity or NaN.
  package init(exponentBits: Int, mantissaBits: Int, bias: Int, reserved: UInt8 = 0) {
    precondition(
      exponentBits > 0 && mantissaBits >= 0 && [3, 5, 7].contains(exponentBits + mantissaBits),
      "\(exponentBits) bits of exponent and \(mantissaBits) of mantissa are not three, five or seven"
    )
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    largestCode = 1 << UInt8(exponentBits + mantissaBits) - 1 - reserved
  }

  /// Two exponent bits, one mantissa bit: 0, .5, 1, 1.5, 2, 3, 4, 6.
  public static let e2m1 = ElementFormat(exponentBits: 2, mantissaBits: 1, bias: 1)
  /// Three exponent bits, no mantissa: 0, .25, .5, 1, 2, 4, 8, 16.
  public static let e3m0 = ElementFormat(exponentBits: 3, mantissaBits: 0, bias: 3)

  /// Six bits, two of the exponent: 0, ⅛, ¼ … 7.5.
  public static let e2m3 = ElementFormat(exponentBits: 2, mantissaBits: 3, bias: 1)
  /// Six bits, three of the exponent: 0, 1/16 … 28.
  public static let e3m2 = ElementFormat(exponentBits: 3, mantissaBits: 2, bias: 3)
  /// Eight bits, four of the exponent, to 448; the largest code is NaN.
  public static let e4m3 = ElementFormat(exponentBits: 4, mantissaBits: 3, bias: 7, reserved: 1)
  /// Eight bits, five of the exponent, to 57344; the four largest codes are an infinity and NaN.
  public static let e5m2 = ElementFormat(exponentBits: 5, mantissaBits: 2, bias: 15, reserved: 4)

  /// Integers, 0 … 7: with one bit of exponent, both binades have the same step.
  public static let int4 = ElementFormat(exponentBits: 1, mantissaBits: 2, bias: -1)

  /// Bits of an element with its sign: 4, 6 or 8.
  public var bits: Int { exponentBits + mantissaBits + 1 }

  /// The bit of a code that is its sign.
  package var signBit: UInt8 { 1 << UInt8(exponentBits + mantissaBits) }

  /// The magnitude of a code 0…`largestCode`. Codes of the lowest binade have no leading one: there lies zero.
  package func magnitude(of code: UInt8) -> Float {
    precondition(code <= largestCode, "a code of a magnitude, not \(code)")
    let stored = Int(code) >> mantissaBits
    let fraction = Int(code) & (1 << mantissaBits - 1)
    let steps = stored == 0 ? fraction : fraction | 1 << mantissaBits
    return Float(steps) * E8M0.power(max(stored, 1) - bias - mantissaBits)
  }

  /// The magnitudes in the order of their codes, ascending; eight of four bits.
  public var magnitudes: [Float] { (0...largestCode).map(magnitude) }

  /// The largest magnitude, a number without a unit until a group's scale multiplies it, as all values: 6 for E2M1, 7.5 for E2M3,
  /// 28 for E3M2, 448 for E4M3 and 57344 for E5M2 (OCP Microscaling Formats specification v1.0, section 5.3); 16 for E3M0 (the
  /// paper's Table 7) and 7 for INT4 (Documentation/Numerics.md, section 4). `ScaleRule.truncationFree` lets no scaled number
  /// pass it.
  public var maximum: Float { magnitude(of: largestCode) }

  /// The exponent of the largest magnitude, `emax`: 2 for E2M1.
  package var maximumExponent: Int { Int(maximum.exponent) }

  /// The exponent of the smallest step: every value is an integer times 2 to it, −1 for E2M1.
  package var stepExponent: Int { 1 - bias - mantissaBits }

  /// The value of a code, or NaN where it stands for no number. A code that is the sign alone is −0.
  public func value(of code: UInt8) -> Float {
    precondition(bits == 8 || code >> UInt8(bits) == 0, "a code of \(bits) bits, not \(code)")
    let magnitudeCode = code & (signBit - 1)
    guard magnitudeCode <= largestCode else { return .nan }
    let magnitude = magnitude(of: magnitudeCode)
    return code & signBit == 0 ? magnitude : -magnitude
  }

  /// As the specification writes it, in small letters: "e2m1"; "int4".
  package var name: String {
    self == .int4 ? "int4" : "e\(exponentBits)m\(mantissaBits)"
  }
}
