/// The bytes of numbers in bfloat16, the nearest ones, ties to even; a NaN stays one.
func bfloat16Bytes(_ values: [Float]) -> [UInt8] {
  values.flatMap { value -> [UInt8] in
    let bits = value.bitPattern
    let rounded = value.isNaN ? bits >> 16 | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return [UInt8(truncatingIfNeeded: rounded), UInt8(truncatingIfNeeded: rounded >> 8)]
  }
}
