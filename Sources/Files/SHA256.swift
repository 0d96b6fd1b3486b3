import CSHA256

/// SHA-256 (FIPS 180-4) of bytes as they come, by the processor's own instructions where it has them.
///
/// Written here although libraries have it: swift-crypto brings BoringSSL, which takes two cores two minutes to build and would
/// nearly double the time to a newcomer's first run; and what is asked of it here is that a file be what was written, not
/// secrecy.
package struct SHA256: Sendable {
  /// Bytes of a block.
  private static let blockSize = 64

  private var state: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB,
    0x5BE0_CD19
  )
  /// The bytes that do not fill a block yet.
  private var rest: [UInt8] = []
  private var length: UInt64 = 0
  private let usesInstructions: Bool
  private static let hasInstructions = tj_sha256_is_there()

  /// The hash of nothing yet.
  ///
  /// - Parameter usesInstructions: whether those of the processor are used that are made for it.
  package init(usesInstructions: Bool = true) {
    self.usesInstructions = usesInstructions && Self.hasInstructions
  }

  /// Adds bytes behind those that came before.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    length += UInt64(bytes.count)
    var bytes = bytes[...]
    if !rest.isEmpty {
      let missing = bytes.prefix(Self.blockSize - rest.count)
      rest += missing
      bytes = bytes.dropFirst(missing.count)
      guard rest.count == Self.blockSize else { return }
      let block = rest
      rest.removeAll(keepingCapacity: true)
      block.withUnsafeBytes { compress($0) }
    }
    let whole = bytes.count / Self.blockSize * Self.blockSize
    compress(UnsafeRawBufferPointer(rebasing: bytes.prefix(whole)))
    rest += bytes.dropFirst(whole)
  }

  /// Adds bytes behind those that came before.
  package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The hash of everything that came, as 64 hexadecimal digits.
  package func digits() -> String {
    var hash = self
    let bits = length &* 8
    let zeros = (119 - Int(length % 64)) % 64
    hash.update(
      [0x80] + [UInt8](repeating: 0, count: zeros)
        + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) })
    let (a, b, c, d, e, f, g, h) = hash.state
    return [a, b, c, d, e, f, g, h].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  /// The hash of some bytes.
  package static func digits(of bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.digits()
  }

  /// Takes whole blocks in.
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    guard usesInstructions else { return compressPlainly(blocks) }
    withUnsafeMutableBytes(of: &state) { state in
      tj_sha256_blocks(
        state.assumingMemoryBound(to: UInt32.self).baseAddress,
        blocks.assumingMemoryBound(to: UInt8.self).baseAddress, blocks.count / Self.blockSize,
        Self.constants)
    }
  }

  /// The same as the standard says it.
  private mutating func compressPlainly(_ blocks: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
      var (h0, h1, h2, h3, h4, h5, h6, h7) = state
      Self.constants.withUnsafeBufferPointer { k in
        for start in stride(from: 0, to: blocks.count, by: Self.blockSize) {
          for t in 0..<16 {
            w[t] = UInt32(
              bigEndian: blocks.loadUnaligned(fromByteOffset: start + 4 * t, as: UInt32.self))
          }
          for t in 16..<64 {
            let (x, y) = (w[t - 15], w[t - 2])
            let small = Self.rotated(x, 7) ^ Self.rotated(x, 18) ^ x >> 3
            let large = Self.rotated(y, 17) ^ Self.rotated(y, 19) ^ y >> 10
            w[t] = w[t - 16] &+ small &+ w[t - 7] &+ large
          }
          var (a, b, c, d, e, f, g, h) = (h0, h1, h2, h3, h4, h5, h6, h7)
          for t in 0..<64 {
            let first =
              h &+ (Self.rotated(e, 6) ^ Self.rotated(e, 11) ^ Self.rotated(e, 25))
              &+ (e & f ^ ~e & g) &+ k[t] &+ w[t]
            let second =
              (Self.rotated(a, 2) ^ Self.rotated(a, 13) ^ Self.rotated(a, 22))
              &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
          }
          (h0, h1, h2, h3) = (h0 &+ a, h1 &+ b, h2 &+ c, h3 &+ d)
          (h4, h5, h6, h7) = (h4 &+ e, h5 &+ f, h6 &+ g, h7 &+ h)
        }
      }
      state = (h0, h1, h2, h3, h4, h5, h6, h7)
    }
  }

  private static func rotated(_ x: UInt32, _ bits: UInt32) -> UInt32 {
    x >> bits | x << (32 - bits)
  }

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < 64 {
      if primes.allSatisfy({ !candidate.isMultiple(of: $0) }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // ⌊2³²·∛p⌋ in integers: a double has too few bits to trust. The largest is below 2³⁵; its cube needs 105 bits.
      var (low, high) = (UInt128(0), UInt128(1) << 36)
      while high - low > 1 {
        let middle = (low + high) / 2
        if middle * middle * middle <= UInt128(prime) << 96 { low = middle } else { high = middle }
      }
      return UInt32(truncatingIfNeeded: low)
    }
  }()
}
