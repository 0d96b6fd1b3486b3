/// The scale of a group: S = 2^s, stored as the byte s + 127 for |s| ≤ 127. Byte 255 is NaN. There is no
/// zero and no infinity.
///
/// Source: OCP Microscaling Formats specification v1.0, section 5.4.1.
public struct E8M0: Equatable, Hashable, Sendable {
  /// The stored byte.
  public let byte: UInt8

  /// The scale that a byte stands for.
  public init(byte: UInt8) { self.byte = byte }

  /// The scale 2^s, with s brought into −127…127.
  public init(exponent: Int) { byte = UInt8(min(max(exponent, -127), 127) + 127) }

  /// Not a number: the scale of a group that holds a NaN or an infinity.
  public static let nan = E8M0(byte: 255)

  /// s, meaningless for NaN.
  public var exponent: Int { Int(byte) - 127 }

  /// Whether the byte is 255.
  public var isNaN: Bool { byte == 255 }

  /// 2^s, exact (subnormal for byte 0), or NaN.
  public var value: Float { isNaN ? .nan : Self.power(exponent) }

  /// 2^−s, exact (subnormal for byte 254), or NaN. Multiplying by it equals dividing by S.
  public var reciprocal: Float { isNaN ? .nan : Self.power(-exponent) }

  /// 2^n for −149 ≤ n ≤ 127, by its bits.
  static func power(_ n: Int) -> Float {
    n >= -126 ? Float(bitPattern: UInt32(n + 127) << 23) : Float(bitPattern: 1 << UInt32(n + 149))
  }
}
