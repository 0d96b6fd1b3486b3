extension TensorType {
  /// Numbers of a floating-point type in single precision; F64 is rounded to nearest.
  ///
  /// - Precondition: the type is a floating-point one (`isFloat`).
  /// - Parameter bytes: the numbers one after the other, each with its least significant byte first.
  package func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { raw in
      switch self {
      case .f32: Self.map(raw, UInt32.self) { Float(bitPattern: $0) }
      case .f64: Self.map(raw, UInt64.self) { Float(Double(bitPattern: $0)) }
      case .bf16: Self.map(raw, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .f16: Self.map(raw, UInt16.self) { Self.single(half: $0) }
      default: preconditionFailure("\(rawValue) is no floating-point type")
      }
    }
  }

  /// Values of bit patterns that lie one after the other.
  static func map<Bits: FixedWidthInteger & BitwiseCopyable, Value>(
    _ raw: UnsafeRawBufferPointer, _ bits: Bits.Type, _ value: (Bits) -> Value
  ) -> [Value] {
    let size = MemoryLayout<Bits>.size
    return (0..<raw.count / size).map {
      value(Bits(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * size, as: Bits.self)))
    }
  }

  /// IEEE half to single precision, exact. (Swift's `Float16` is missing on Intel Macs.)
  private static func single(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 31)
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
