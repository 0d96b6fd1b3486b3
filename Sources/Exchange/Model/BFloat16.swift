import MXFormats

/// The bytes of numbers in bfloat16, the nearest ones, ties to even; a NaN stays one.
func bfloat16Bytes(_ values: [Float]) -> [UInt8] {
  values.flatMap { value -> [UInt8] in
    let rounded = value.roundedToBFloat16.bitPattern >> 16
    return [UInt8(truncatingIfNeeded: rounded), UInt8(truncatingIfNeeded: rounded >> 8)]
  }
}
