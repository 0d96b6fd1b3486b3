/// bfloat16: a sign, eight bits of exponent and seven of mantissa, the upper half of single precision.
extension Float {
  /// The nearest number in bfloat16, ties to even; from halfway above the largest, 2¹²⁷·(2 − 2⁻⁷), infinity. A NaN stays one.
  package var roundedToBFloat16: Float {
    let rounded = isNaN ? bitPattern | 0x40_0000 : bitPattern + 0x7FFF + (bitPattern >> 16 & 1)
    return Float(bitPattern: rounded & 0xFFFF_0000)
  }
}
