/// The element types of the safetensors format that this package reads or writes.
package enum TensorType: String, Sendable, CaseIterable {
  case bool = "BOOL"
  case u8 = "U8"
  case i8 = "I8"
  case u16 = "U16"
  case i16 = "I16"
  case u32 = "U32"
  case i32 = "I32"
  case u64 = "U64"
  case i64 = "I64"
  case f16 = "F16"
  case bf16 = "BF16"
  case f32 = "F32"
  case f64 = "F64"
  case f8e4m3 = "F8_E4M3"
  case f8e5m2 = "F8_E5M2"
  case e8m0 = "F8_E8M0"

  /// Bytes an element takes.
  package var size: Int {
    switch self {
    case .bool, .u8, .i8, .f8e4m3, .f8e5m2, .e8m0: 1
    case .u16, .i16, .f16, .bf16: 2
    case .u32, .i32, .f32: 4
    case .u64, .i64, .f64: 8
    }
  }

  /// Whether `SafetensorsFile.floats` can read it: the floating-point types that are not scales.
  package var isFloat: Bool {
    switch self {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }
}

/// What a safetensors header says of one tensor.
package struct TensorEntry: Sendable, Equatable {
  /// The tensor's name.
  package let name: String
  /// The type of its elements.
  package let type: TensorType
  /// Its extents, slowest first; empty for a scalar.
  package let shape: [Int]
  /// Where its bytes lie, counted from the end of the header.
  package let bytes: Range<Int>

  /// The product of the extents.
  package var count: Int { shape.reduce(1, *) }
}
