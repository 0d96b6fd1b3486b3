/// CRC-32C, the cyclic redundancy check of RFC 3720 (section 12.1 and appendix B.4): polynomial
/// 0x1EDC6F41, bits reflected, all ones before and inverted after. O(n), a byte at a time from a
/// table: event files are small.
package enum CRC32C {
  /// The remainder of each byte alone.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in
      remainder >> 1 ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0)
    }
  }

  /// The checksum of bytes; 0 of none.
  package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var remainder = UInt32.max
    for byte in bytes {
      remainder = remainder >> 8 ^ table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
    }
    return ~remainder
  }

  /// The checksum as TFRecord stores it: rotated right by 15 bits, plus a constant (modulo 2³²), so
  /// that the checksum of bytes that hold checksums stays a good one.
  package static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let checksum = checksum(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
  }
}
