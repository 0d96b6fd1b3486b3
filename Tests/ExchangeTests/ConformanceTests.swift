import Exchange
import Files
import MXFormats
import TestSupport
import Testing

@Suite("The layouts of other software agree with the vectors of Documentation/Conformance")
struct ConformanceTests {
  @Test("ggml's blocks, MLX's words and the bytes of published checkpoints")
  func layouts() throws {
    let cases = try ConformanceVectors.packing()
    #expect(cases.count >= 4)
    for entry in cases {
      let matrix = PackedMatrix(
        packing: QuantizedMatrix(
          format: .mxfp4, axis: .rows, rows: 1, columns: entry.codes.count, codes: entry.codes,
          scales: entry.scales))
      #expect(
        ConformanceVectors.hexadecimal(GGUFBlocks.bytes(matrix)) == entry.gguf, "\(entry.name)")
      // Words are written little-endian.
      let words = try bytes(of: .mlx, "m.weight", matrix)
      let found = stride(from: 0, to: words.count, by: 4).map {
        ConformanceVectors.hexadecimal(words[$0..<$0 + 4].reversed())
      }
      #expect(found == entry.mlx, "\(entry.name)")
      for style in [PackedStyle.pairs, .compressedTensors] {
        let blocks = try bytes(of: style, "m.weight", matrix)
        #expect(ConformanceVectors.hexadecimal(blocks) == entry.blocks, "\(entry.name), \(style)")
      }
    }
  }

  /// The codes as a style's tensor has them in a file.
  private func bytes(
    of style: PackedStyle, _ name: String, _ matrix: PackedMatrix
  ) throws -> [UInt8] {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try writeSafetensors(path, tensors: style.tensors(name, matrix))
      return try SafetensorsFile(path: path).bytes(style.codes(of: name))
    }
  }
}
