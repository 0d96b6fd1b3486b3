import Exchange
import Files
import MXRuntime
import Training
import VisionModels

extension FuzzTarget {
  /// What `verify` looks at: files in every layout, alone, beside their source, and beside themselves.
  static func verify(in folder: String) throws -> FuzzTarget {
    let path = "\(folder)/input"
    let source = "\(folder)/against.safetensors"
    var shape = tinyModel
    shape.width = 32
    _ = try checkpoint(shape, source)
    var seeds: [[UInt8]] = []
    for quantization in [FileQuantization(), FileQuantization(axis: .columns, quantizesAll: true)] {
      _ = try quantization.run(source, output: OutputFile(path, inputs: [source], replaces: true))
      seeds.append(try withoutChecksum(path))
    }
    for layout in [ExportLayout.hf, .compressedTensors, .mlx] {
      try ExportedModel(path: source, layout: layout, activations: .full)
        .write(layout, rest: .bf16, into: folder)
      seeds.append(try withoutChecksum("\(folder)/model.safetensors"))
    }
    try ExportedModel(path: source, layout: .gguf, activations: .full).write(
      .gguf, rest: .bf16, weights: ONNXWeights(.float4, scales: .e8m0),
      to: OutputFile(path, inputs: [source], replaces: true))
    seeds.append(withoutHash(try readFile(path)))
    for weights in [ONNXWeights(.float4, scales: .e8m0), ONNXWeights(.table, scales: .f32)] {
      try ExportedModel(path: source, layout: .onnx, activations: .full).write(
        .onnx, rest: .bf16, weights: weights,
        to: OutputFile(path, inputs: [source], replaces: true))
      seeds.append(try readFile(path))
    }
    seeds.append(try experts(path))
    return FuzzTarget(
      name: "verify", seeds: seeds,
      tokens: [
        "_blocks", "_scales", ".weight_packed", ".weight_scale", ".scales", "\"dtype\":\"U32\"",
        "\"dtype\":\"F8_E8M0\"", "\"shape\":[2,3,1,16]", "\"shape\":[0,16]",
        "\"shape\":[1099511627776,0,16]", "\"group_axis\":\"columns\"",
        "\"element_format\":\"e3m0\"", "\"scale_rule\":\"floor\"", "\"rounding\":\"ema\"",
        "\"quantized_shapes\":\"{\\\"x\\\":[4611686018427387904,4]}\"", "\"tau\":\"6.0\"",
        "\u{27}\0\0\0", "\0\0\0\0\0\u{1}\0\0",
      ],
      path: path, tables: 1 << 20, repair: withLength
    ) { _ in
      try tolerating { try FileVerification(path: path, against: source).check() }
      try tolerating { try FileVerification(path: path, against: path).check() }
      _ = try FileVerification(path: path)
    }
  }

  /// Blocks of a mixture of experts, as published checkpoints have them.
  private static func experts(_ path: String) throws -> [UInt8] {
    let blocks: [UInt8] = (0..<192).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let scales: [UInt8] = Array(120..<132)
    try writeSafetensors(
      path,
      tensors: [
        .bytes("x.experts_blocks", shape: [2, 3, 2, 16], blocks),
        .bytes("x.experts_scales", shape: [2, 3, 2], scales),
      ])
    return try readFile(path)
  }
}
