import MXFormats
import Testing

@Suite("Rounding to bfloat16")
struct BFloat16Tests {
  @Test("is to the nearest, ties to even, for every number and every midpoint")
  func all() {
    for upper in UInt32(0)..<0x1_0000 {
      let number = Float(bitPattern: upper << 16)
      guard !number.isNaN else {
        #expect(number.roundedToBFloat16.isNaN)
        continue
      }
      #expect(number.roundedToBFloat16.bitPattern == upper << 16)
      guard number.isFinite else { continue }
      // Away from zero; above the largest stands infinity.
      let next = (upper + 1) << 16
      for (rest, expected) in [
        (UInt32(1), upper << 16), (0x7FFF, upper << 16),
        (0x8000, upper & 1 == 0 ? upper << 16 : next), (0x8001, next), (0xFFFF, next),
      ] {
        let rounded = Float(bitPattern: upper << 16 | rest).roundedToBFloat16.bitPattern
        #expect(rounded == expected)
      }
    }
    // NaNs whose payload lies in the lower half alone.
    for bits: UInt32 in [0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF] {
      #expect(Float(bitPattern: bits).roundedToBFloat16.isNaN)
    }
  }
}
