/// What the scale of a group is stored as: a byte.
package enum ScaleFormat: String, Hashable, Sendable, BitwiseCopyable {
  /// A power of two.
  case e8m0
  /// An 8-bit number with three bits of mantissa.
  case e4m3
  /// Always 1, as a power of two; NaN for a group with a number that is not finite.
  case one

  /// The byte of a group that holds a number that is not finite.
  package var nan: UInt8 {
    switch self {
    case .e8m0, .one: E8M0.nan.byte
    case .e4m3: E4M3.nan.byte
    }
  }

  /// The value of a byte; NaN where the byte stands for that.
  package func value(of byte: UInt8) -> Float {
    switch self {
    case .e8m0, .one: E8M0(byte: byte).value
    case .e4m3: E4M3(byte: byte).value
    }
  }
}

/// What multiplies the scales of all groups of a matrix.
package enum OuterScale: Hashable, Sendable, BitwiseCopyable {
  /// Nothing.
  case none
  /// A number in single precision, with which the largest magnitude of the matrix gets the largest scale, and the largest code,
  /// that there are.
  case matrix
  /// Such a number for each `runLength` neighbours along the contraction, counted from the first one.
  case runs

  /// Neighbours that share an outer scale: 128, as in TetraJet-v2.
  package static let runLength = 128
}
