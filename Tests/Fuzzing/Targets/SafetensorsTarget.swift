import Exchange
import Files
import ImageData
import MXRuntime
import Training
import VisionModels

extension FuzzTarget {
  /// Safetensors: the header, all tensors, the file as a checkpoint, its quantization, and its export.
  static func safetensors(in folder: String) throws -> FuzzTarget {
    let path = "\(folder)/input.safetensors"
    let output = "\(folder)/output.safetensors"
    var seeds: [[UInt8]] = []
    func add(_ tensors: [OutgoingTensor], _ metadata: [String: String] = [:]) throws {
      try writeSafetensors(path, tensors: tensors, metadata: metadata)
      seeds.append(try readFile(path))
    }
    try add([.floats("weight", shape: [3, 40], (0..<120).map { Float($0) / 7 })], ["a": "b\n\""])
    try add([
      .floats("scalar", shape: [], [1]), .integers("labels", shape: [3], [1, -2, .max]),
      .bytes("empty", shape: [2, 0], []), .bytes("codes", shape: [2, 2], [1, 2, 3, 255]),
      .floats("m", shape: [2, 2], [1, .nan, .infinity, -0.0]),
      .floats("m.ema", shape: [2, 2], [1, 2, 3, 4]),
    ])
    var deit3 = tinyModel
    deit3.architecture = .deit3
    for model in [
      tinyModel, deit3,
      .swin(imageSize: 8, patchSize: 2, width: 4, depths: [1, 1], heads: [1, 2], windowSize: 2),
    ] {
      seeds.append(try checkpoint(model, path))
      _ = try FileQuantization(quantizesAll: true).run(
        path, output: OutputFile(output, inputs: [path], replaces: true))
      seeds.append(try withoutChecksum(output))
    }
    var wide = tinyModel
    wide.width = 32
    seeds.append(try checkpoint(wide, path))
    for layout in [ExportLayout.hf, .compressedTensors, .mlx] {
      let model = try ExportedModel(path: path, layout: layout, activations: .full)
      try model.write(layout, rest: .bf16, into: folder)
      seeds.append(try withoutChecksum("\(folder)/model.safetensors"))
    }
    let pretrained = try pretrained(tinyModel)
    seeds += ["F16", "BF16", "F64", "I32", "U16", "F8_E8M0"].map(ofType)
    // Two tables of names at once: what is quantized is opened again to verify its checksum, while its source is open.
    return FuzzTarget(
      name: "safetensors", seeds: seeds, tokens: tokens, path: path, tables: 1 << 20,
      repair: withLength
    ) { _ in
      let file = try SafetensorsFile(path: path)
      for entry in file.entries.prefix(64) {
        _ = try file.bytes(entry.name)
        try tolerating { _ = try file.floats(entry.name) }
        try tolerating { _ = try file.integers(entry.name) }
      }
      try tolerating { _ = try file.entry("weihgt") }
      try tolerating { _ = try Checkpoint(path: path) }
      try tolerating {
        _ = try PretrainedShape(of: [RecipeSetting("fine_tuning.init", path, flag: "--init")])
      }
      try tolerating {
        _ = try pretrained.model.loadPretrained(path, into: pretrained.weights)
      }
      for layout in [ExportLayout.gguf, .onnx] {
        try tolerating {
          try ExportedModel(path: path, layout: layout, activations: .full).write(
            layout, rest: .f32, weights: ONNXWeights(.table, scales: .f32),
            to: OutputFile(output, inputs: [path], replaces: true))
        }
      }
      for quantization in [
        FileQuantization(), FileQuantization(axis: .columns, writesValues: true),
      ] {
        try tolerating {
          _ = try quantization.run(path, output: OutputFile(output, inputs: [path], replaces: true))
        }
      }
    }
  }

  /// A model that takes weights of others.
  static func pretrained(
    _ shape: ModelConfiguration
  ) throws -> (model: VisionModel, weights: AlignedBuffer<Float>) {
    let model = try VisionModel(shape, recipe: .tetrajet)
    return (model, AlignedBuffer(count: model.parameters.count))
  }

  static let tinyModel = ModelConfiguration(
    imageSize: 4, patchSize: 2, width: 4, depth: 1, heads: 2, classes: 2)

  private static let tokens = [
    "\"", "{", "}", "[", "]", ",", ":", "\\u0000", "\\n", "\\ud800\\udc00", "\"__metadata__\":{",
    "\"dtype\":\"F32\"", "\"F64\"", "\"BF16\"", "\"shape\":[0,1099511627776]",
    "\"shape\":[1099511627776,0]", "\"shape\":[65536,65536]", "\"data_offsets\":[0,0]",
    "\"x\":{\"dtype\":\"F32\",\"shape\":[0,9999999],\"data_offsets\":[0,0]},",
    "\"x\":{\"dtype\":\"F32\",\"shape\":[9999999,0],\"data_offsets\":[0,0]},",
    "\"recipe\":\"method: tetrajet+qema\",", "\"depth\":\"1024\"", "\"num_classes\":\"1048576\"",
    "\"window_size\":\"64\"", "\"class_names\":\"[1]\"", "\"group_axis\":\"columns\"",
    "\"quantized_shapes\":\"{}\"", "\"dtype\":\"U32\"", ".weight_packed", ".weight_scale",
    ".scales", "_blocks", "\"blocks.0.ls1.gamma\"", "blocks.9223372036854775807.x", "é",
    "\u{202E}",
  ]

  /// Writes an untrained checkpoint, and returns its bytes.
  static func checkpoint(_ shape: ModelConfiguration, _ path: String) throws -> [UInt8] {
    var recipe = Recipe()
    recipe.model = shape
    let model = try VisionModel(shape, recipe: recipe.linear, engine: recipe.engine)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    // The recipe would be nine tenths of the file.
    try writeSafetensors(
      path, tensors: model.parameters.tensors(of: weights),
      metadata: shape.metadata.merging([
        "recipe": "method: tetrajet\nmodel:\n  depth: 1\n", "class_names": "[\"a\", \"b\"]",
      ]) { $1 })
    return try readFile(path)
  }

  /// A file without the hash of its bytes, which would end every reading of a mutant at once.
  static func withoutChecksum(_ path: String) throws -> [UInt8] {
    let file = try SafetensorsFile(path: path)
    let bare = "\(path).bare"
    try writeSafetensors(
      bare, tensors: file.entries.map { .copy($0, of: file) },
      metadata: file.metadata.filter { $0.key != SafetensorsFile.checksumKey })
    return try readFile(bare)
  }

  private static func ofType(_ type: String) -> [UInt8] {
    let size = TensorType(rawValue: type)?.size ?? 1
    let header = Array(
      "{\"t\":{\"dtype\":\"\(type)\",\"shape\":[2,3],\"data_offsets\":[0,\(6 * size)]}}".utf8)
    return withLength(header, content: (0..<6 * size).map { UInt8($0 * 37 & 255) })
  }

  private static func withLength(_ header: [UInt8], content: [UInt8]) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + content
  }

  /// The file with the length that its header really has: up to the last brace of the text.
  static func withLength(_ file: [UInt8], _ random: inout RandomSequence) -> [UInt8] {
    let header = file.dropFirst(8).prefix { $0 >= 9 && $0 < 0x7F }
    guard let end = header.lastIndex(of: UInt8(ascii: "}")) else { return file }
    return withLength(Array(file[8...end]), content: Array(file[(end + 1)...]))
  }
}
