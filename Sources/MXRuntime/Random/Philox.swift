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
    var state = counter
    var key = key
    for _ in 0..<10 {
      let even = UInt64(0xD251_1F53) * UInt64(state[0])
      let odd = UInt64(0xCD9E_8D57) * UInt64(state[2])
      state = SIMD4(
        UInt32(truncatingIfNeeded: odd >> 32) ^ state[1] ^ key[0],
        UInt32(truncatingIfNeeded: odd),
        UInt32(truncatingIfNeeded: even >> 32) ^ state[3] ^ key[1],
        UInt32(truncatingIfNeeded: even))
      key = key &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return state
  }
}
