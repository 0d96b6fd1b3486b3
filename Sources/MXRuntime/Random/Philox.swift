/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random
/// Numbers: As Easy as 1, 2, 3" (SC 2011).
///
/// A pure function from a 128-bit counter and a 64-bit key to 128 random bits. It has no state, so a
/// number's value cannot depend on who drew numbers before it.
public enum Philox {
  /// The 128 random bits that belong to `counter` under `key`. Ten rounds, eight 32×32-bit products
  /// of which two a round.
  @inlinable
  public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    // Single words: vectors would take them apart and put them together in every round.
    var (a, b, c, d) = (counter[0], counter[1], counter[2], counter[3])
    var (first, second) = (key[0], key[1])
    for _ in 0..<10 {
      let even = UInt64(0xD251_1F53) &* UInt64(a)
      let odd = UInt64(0xCD9E_8D57) &* UInt64(c)
      (a, b, c, d) = (
        UInt32(truncatingIfNeeded: odd >> 32) ^ b ^ first, UInt32(truncatingIfNeeded: odd),
        UInt32(truncatingIfNeeded: even >> 32) ^ d ^ second, UInt32(truncatingIfNeeded: even)
      )
      first &+= 0x9E37_79B9
      second &+= 0xBB67_AE85
    }
    return SIMD4(a, b, c, d)
  }
}
