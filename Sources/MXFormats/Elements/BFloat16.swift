/// bfloat16: a sign, eight bits of exponent and seven of mantissa, the upper half of single precision.
extension Float {
  /// The nearest number in bfloat16, ties to even; from halfway above the largest, 2¹²⁷·(2 − 2⁻⁷), infinity. A NaN stays one.
  @inlinable package var roundedToBFloat16: Float {
    // Inlinable and without traps, so that loops over matrices in other modules become vectors.
    let bits = bitPattern
    // No overflow where it is no NaN.
    let nearest = bits &+ 0x7FFF &+ (bits >> 16 & 1)
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    return Float(bitPattern: (isNaN ? bits | 0x40_0000 : nearest) & 0xFFFF_0000)
  }
}
