import Exchange
import Files
import MXRuntime
import Training
import VisionModels

extension FuzzTarget {
  /// GGUF: the header, all tensors, the file as a checkpoint and as pretrained weights, and its export.
  static func gguf(in folder: String) throws -> FuzzTarget {
    let path = "\(folder)/input.gguf"
    let output = "\(folder)/output.gguf"
    let source = "\(folder)/source.safetensors"
    var vit = tinyModel
    vit.width = 32
    var deit3 = vit
    deit3.architecture = .deit3
    let swin = ModelConfiguration.swin(
      imageSize: 8, patchSize: 2, width: 32, depths: [1], heads: [1], windowSize: 2)
    let seeds = try [(vit, RestType.f32), (deit3, .bf16), (swin, .f32)].map { shape, rest in
      _ = try checkpoint(shape, source)
      try ExportedModel(path: source, layout: .gguf, activations: .full).write(
        .gguf, rest: rest, weights: ONNXWeights(.float4, scales: .e8m0),
        to: OutputFile(path, inputs: [source], replaces: true))
      return withoutHash(try readFile(path))
    }
    let pretrained = try pretrained(vit)
    return FuzzTarget(
      name: "GGUF", seeds: seeds, tokens: ggufTokens, path: path, tables: 1 << 20
    ) { _ in
      let file = try GGUFReader(path: path)
      for entry in file.entries.prefix(64) {
        try tolerating { _ = try file.floats(entry.name) }
        try tolerating { _ = try file.codes(entry.name) }
      }
      try tolerating { try file.verifyChecksum() }
      try tolerating { _ = try Checkpoint(path: path) }
      try tolerating {
        _ = try PretrainedShape(of: [RecipeSetting("fine_tuning.init", path, flag: "--init")])
      }
      try tolerating {
        _ = try pretrained.model.loadPretrained(path, into: pretrained.weights)
      }
      try tolerating {
        try ExportedModel(path: path, layout: .gguf, activations: .full).write(
          .gguf, rest: .f32, weights: ONNXWeights(.float4, scales: .e8m0),
          to: OutputFile(output, inputs: [path], replaces: true))
      }
    }
  }

  /// The same bytes with another name for the note that holds their hash, which would end every reading of a mutant at once.
  static func withoutHash(_ file: [UInt8]) -> [UInt8] {
    var file = file
    if let place = file.firstRange(of: Array(SafetensorsFile.checksumKey.utf8)) {
      file[place.upperBound - 1] ^= 1
    }
    return file
  }

  private static let ggufTokens = [
    "GGUF\u{3}\0\0\0", "\u{27}\0\0\0", "\u{1E}\0\0\0", "\u{8}\0\0\0", "\u{9}\0\0\0",
    "general.alignment\u{4}\0\0\0\u{1}\0\0\0", "tetrajet.architecture", "tetrajet.sha256",
    "tetrajet.element_format", "e3m0", "columns", "tetrajet.depth", "blocks.1.attn.qkv.weight",
    "blocks.0.attn.qkv.weight", "pos_embed", "\0\0\0\0\0\u{1}\0\0", "é", "\u{202E}",
  ]
}
