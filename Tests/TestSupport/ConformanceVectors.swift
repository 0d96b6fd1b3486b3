import Files
import Foundation

/// The vectors of `Documentation/Conformance`, to which anybody can hold an implementation of MXFP4.
package enum ConformanceVectors {
  /// A number as the files have it: its 32 bits as eight hexadecimal digits.
  package struct Number: Decodable {
    package let value: Float

    package init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      let digits = try container.decode(String.self)
      guard digits.count == 8, let bits = UInt32(digits, radix: 16) else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "\(digits) are no eight hexadecimal digits")
      }
      value = Float(bitPattern: bits)
    }
  }

  /// `elements.json`: E2M1 under the scale 1.
  package struct Elements: Decodable {
    package struct Decoded: Decodable {
      package let code: UInt8
      package let bits: Number
    }
    package struct Encoded: Decodable {
      package let bits: Number
      /// To the nearest with ties to even; nil where no code is right.
      package let code: UInt8?
      /// The codes of a tie: "even", "away", "lower".
      package let tie: [String: UInt8]?
    }
    package struct Stochastic: Decodable {
      package let bits: Number
      package let lower: UInt8
      package let upper: UInt8
      /// Of `upper`: a fraction "a/b", or "0".
      package let probability: String
    }
    package let decode: [Decoded]
    package let encode: [Encoded]
    package let stochastic: [Stochastic]
  }

  /// `scales.json`: E8M0.
  package struct Scales: Decodable {
    package struct Decoded: Decodable {
      package let byte: UInt8
      package let bits: Number
    }
    /// The scale of a group by its largest magnitude.
    package struct Maximum: Decodable {
      package let bits: Number
      /// A byte a rule.
      package let scales: [String: UInt8]

      private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
      }

      package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        bits = try container.decode(Number.self, forKey: Key(stringValue: "bits"))
        scales = try container.allKeys
          .filter { !["bits", "decimal"].contains($0.stringValue) }
          .reduce(into: [:]) { $0[$1.stringValue] = try container.decode(UInt8.self, forKey: $1) }
      }
    }
    /// Codes 0…15 under a scale.
    package struct Values: Decodable {
      package let byte: UInt8
      package let bits: [Number]
    }
    package let decode: [Decoded]
    package let maxima: [Maximum]
    package let values: [Values]
  }

  /// A row of `groups.json`.
  package struct Row: Decodable {
    /// What some rules make of it.
    package struct Expected: Decodable {
      package let rules: [String]
      /// Of NVFP4: what multiplies all scales.
      package let outer: Outer?
      package let scales: [UInt8]
      package let codes: [UInt8]
      /// Hexadecimal: 16 bytes a group, 8 of NVFP4.
      package let blocks: String
      package let decoded: [Number]
    }
    package struct Outer: Decodable {
      package let bits: Number
    }
    package let name: String
    package let bits: [Number]
    package let expected: [Expected]

    /// The numbers of the row.
    package var values: [Float] { bits.map(\.value) }

    /// What a rule makes of it; nil where the file does not say.
    package func expected(by rule: String) -> Expected? {
      expected.first { $0.rules.contains(rule) }
    }
  }

  /// `nvfp4.json`: E4M3, and rows that are a matrix each.
  package struct NVFP4: Decodable {
    /// A number as a scale.
    package struct Cast: Decodable {
      package let bits: Number
      package let nearest: UInt8
      package let up: UInt8
    }
    package let decode: [Scales.Decoded]
    package let cast: [Cast]
    package let cases: [Row]
  }

  /// A case of `packing.json`.
  package struct Packed: Decodable {
    package let name: String
    package let scales: [UInt8]
    package let codes: [UInt8]
    /// Hexadecimal bytes, two codes each.
    package let blocks: String
    /// The same in ggml's blocks of 17 bytes.
    package let gguf: String
    /// The same in words of 32 bits, eight hexadecimal digits each.
    package let mlx: [String]
    package let decoded: [Number]
  }

  private struct Cases<Case: Decodable>: Decodable { let cases: [Case] }

  package static func elements() throws -> Elements { try read("elements") }
  package static func scales() throws -> Scales { try read("scales") }
  package static func rows() throws -> [Row] { try read("groups", as: Cases<Row>.self).cases }
  package static func nvfp4() throws -> NVFP4 { try read("nvfp4") }
  package static func packing() throws -> [Packed] {
    try read("packing", as: Cases<Packed>.self).cases
  }

  /// The same numbers as a safetensors file.
  package static func tensors() throws -> SafetensorsFile {
    try SafetensorsFile(path: "\(folder)/vectors.safetensors")
  }

  /// Bytes as hexadecimal digits.
  package static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Documentation/Conformance").standardized.path

  private static func read<Content: Decodable>(
    _ name: String, as type: Content.Type = Content.self
  ) throws -> Content {
    try readJSON("\(folder)/\(name).json", as: type, limit: 1 << 20)
  }
}
