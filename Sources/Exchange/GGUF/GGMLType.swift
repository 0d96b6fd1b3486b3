import Files

/// What a tensor of a GGUF file is stored as: ggml's number of it.
///
/// Source: ggml's `enum ggml_type`, and `GGML_QUANT_SIZES` of its Python package.
package struct GGMLType: Equatable, Sendable {
  /// The number.
  package let number: UInt32

  /// MXFP4: blocks of 32 elements in 17 bytes.
  package static let mxfp4 = GGMLType(number: 39)

  /// The same type in safetensors, for plain numbers; nil for quantized ones and for what nobody here knows.
  package var plain: TensorType? {
    switch number {
    case 0: .f32
    case 1: .f16
    case 24: .i8
    case 25: .i16
    case 26: .i32
    case 27: .i64
    case 28: .f64
    case 30: .bf16
    default: nil
    }
  }

  /// How many elements a block has along the fastest extent, and how many bytes; nil for types that are not read.
  var block: (elements: Int, bytes: Int)? {
    self == .mxfp4 ? (32, 17) : plain.map { (1, $0.size) }
  }

  /// What ggml calls it.
  package var name: String {
    if let plain { return plain.rawValue }
    return Self.names[number] ?? "an unknown type"
  }

  private static let names: [UInt32: String] = [
    2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
  ]
}
