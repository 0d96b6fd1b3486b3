/// A scale with a sign, four bits of exponent and three of mantissa: 0, 2^−9 … 448. Byte 127 is NaN. There is no infinity.
///
/// Source: OCP 8-bit Floating Point specification v1.0 (OFP8), E4M3.
package struct E4M3: Equatable, Hashable, Sendable {
  /// The stored byte.
  package let byte: UInt8

  /// The scale that a byte stands for.
  package init(byte: UInt8) { self.byte = byte }

  /// The number nearest to x ≥ 0, ties to the even byte; the largest for what is above it, NaN for NaN.
  package init(nearest x: Float) { self.init(x, .toNearestOrEven) }

  /// The smallest number that is not below x ≥ 0; the largest for what is above it, NaN for NaN.
  package init(notBelow x: Float) { self.init(x, .up) }

  private init(_ x: Float, _ rule: FloatingPointRoundingRule) {
    precondition(!(x < 0), "a scale of \(x)")
    guard !x.isNaN else {
      self = .nan
      return
    }
    // The step of x's binade; below 2^−6 the steps stay as they are.
    let exponent = max(x == 0 ? -6 : Int(min(x, Self.maximum).exponent), -6)
    let steps = (min(x, Self.maximum) / E8M0.power(exponent - 3)).rounded(rule)
    // Eight steps more are a binade more: a carry lands where it belongs.
    byte = UInt8(8 * (exponent + 6) + Int(steps))
  }

  /// Not a number: the scale of a group that holds a NaN or an infinity.
  package static let nan = E4M3(byte: 0x7f)
  /// The largest value.
  package static let maximum: Float = 448

  /// The value, exact, or NaN.
  package var value: Float {
    let (exponent, mantissa) = (Int(byte >> 3 & 15), Int(byte & 7))
    if byte & 0x7f == 0x7f { return .nan }
    let magnitude =
      exponent == 0
      ? Float(mantissa) * E8M0.power(-9) : Float(8 + mantissa) * E8M0.power(exponent - 10)
    return byte & 0x80 == 0 ? magnitude : -magnitude
  }
}
