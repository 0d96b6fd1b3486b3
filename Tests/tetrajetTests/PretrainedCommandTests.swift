import Files
import Foundation
import TestSupport
import Testing
import Training
import VisionModels

@Suite("train --init computes what the file's model computes, or says why not", .serialized)
struct PretrainedCommandTests {
  /// Of the digits' size; width 64 has one head by the usual rule.
  static let shape = ModelConfiguration(
    imageSize: 8, patchSize: 4, channels: 1, width: 64, depth: 2, heads: 1, mlpRatio: 2,
    classes: 10)

  /// The tensors of a model with random weights, by timm's names.
  static func tensors(
    _ shape: ModelConfiguration = shape, seed: UInt64 = 7
  ) throws -> [String: (shape: [Int], values: [Float])] {
    var random = TestRandom(seed: seed)
    let table = try VisionModel(shape, recipe: .fp32).parameters
    return Dictionary(
      uniqueKeysWithValues: table.entries.map {
        ($0.name, ($0.shape, random.normals($0.count).map { $0 / 8 }))
      })
  }

  static func write(_ path: String, _ tensors: [String: (shape: [Int], values: [Float])]) throws {
    try writeSafetensors(
      path,
      tensors: tensors.sorted { $0.key < $1.key }
        .map { .floats($0.key, shape: $0.value.shape, $0.value.values) })
  }

  /// Trains for an epoch in which no weight moves.
  func start(_ file: String, _ run: String, _ more: [String] = []) throws -> CommandResult {
    try tetrajet(
      [
        "train", "--data", "digits", "--method", "fp32", "--epochs", "1", "--init", file,
        "--output", run, "--set", "optimizer.learning_rate=0",
        "--set", "schedule.warmup_learning_rate=0", "--set", "schedule.final_learning_rate=0",
      ] + more)
  }

  @Test(
    "LayerScale is multiplied into the weights before it, by every name that it has",
    arguments: ["blocks.I.lsN.gamma", "blocks.I.gamma_N", "hub"])
  func layerScale(naming: String) throws {
    try withTemporaryFolder { folder in
      var tensors = try Self.tensors()
      var expected = tensors
      var random = TestRandom(seed: 8)
      for block in 0..<2 {
        for (number, layer) in [(1, "attn.proj"), (2, "mlp.fc2")] {
          let scale = random.normals(64)
          let name =
            naming == "hub"
            ? "encoder.layer.\(block).layer_scale\(number).lambda1"
            : naming.replacingOccurrences(of: "I", with: "\(block)")
              .replacingOccurrences(of: "N", with: "\(number)")
          tensors[name] = ([64], scale)
          for kind in ["weight", "bias"] {
            let key = "blocks.\(block).\(layer).\(kind)"
            let columns = expected[key]!.values.count / 64
            for index in expected[key]!.values.indices {
              expected[key]!.values[index] *= scale[index / columns]
            }
          }
        }
      }
      if naming == "hub" { tensors = Self.dinov2(tensors) }
      try Self.write("\(folder)/in.safetensors", tensors)
      let result = try start("\(folder)/in.safetensors", "\(folder)/run")
      #expect(result.status == 0 && result.errors.contains("LayerScale: 4 multiplied"), "\(result)")
      #expect(!result.errors.contains("not used"))
      let run = try SafetensorsFile(path: "\(folder)/run/last.safetensors")
      for (name, tensor) in expected {
        let same = try run.floats(name, shape: tensor.shape) == tensor.values
        #expect(same, "\(name)")
      }
    }
  }

  /// The names of transformers' DINOv2.
  private static func dinov2(
    _ tensors: [String: (shape: [Int], values: [Float])]
  ) -> [String: (shape: [Int], values: [Float])] {
    var result: [String: (shape: [Int], values: [Float])] = [:]
    for (name, tensor) in tensors {
      var new = name
      for (from, to) in [
        ("cls_token", "embeddings.cls_token"), ("pos_embed", "embeddings.position_embeddings"),
        ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
        ("attn.proj", "attention.output.dense"), ("blocks.", "encoder.layer."),
        ("head.", "classifier."),
      ] { new = new.replacingOccurrences(of: from, with: to) }
      if new.hasPrefix("norm.") { new = "layernorm." + new.dropFirst(5) }
      guard let range = new.range(of: "attn.qkv") else {
        result[new] = tensor
        continue
      }
      let third = tensor.values.count / 3
      for (index, part) in ["query", "key", "value"].enumerated() {
        result[new.replacingCharacters(in: range, with: "attention.attention.\(part)")] = (
          [64] + tensor.shape.dropFirst(),
          Array(tensor.values[index * third..<(index + 1) * third])
        )
      }
    }
    return result
  }

  @Test("A position embedding without a class token leaves it where it is")
  func unplacedToken() throws {
    try withTemporaryFolder { folder in
      var tensors = try Self.tensors()
      let grid = Array(tensors["pos_embed"]!.values.dropFirst(64))
      tensors["pos_embed"] = ([1, 4, 64], grid)
      try Self.write("\(folder)/in.safetensors", tensors)
      let result = try start("\(folder)/in.safetensors", "\(folder)/run")
      #expect(
        result.status == 0 && result.errors.contains("no place for the class token"), "\(result)")
      let run = try SafetensorsFile(path: "\(folder)/run/last.safetensors")
      #expect(
        try run.floats("pos_embed", shape: [1, 5, 64]) == [Float](repeating: 0, count: 64) + grid)
    }
  }

  @Test(
    "A model that computes something else stops the run in one line that says what it is",
    arguments: [
      ("blocks.0.attn.q_norm.weight", "normalizes queries and keys"),
      ("blocks.1.attn.logit_scale", "Swin V2"), ("blocks.0.mlp.w12.weight", "gated MLP"),
      ("blocks.1.anything.weight", "has this in its blocks"),
      ("norm_pre.weight", "before the first block, as CLIP"), ("fc_norm.weight", "as MAE"),
      ("reg_token", "register tokens"), ("-cls_token", "averages its tokens"),
      ("-blocks.1.mlp.fc1.weight", "no tensor 'blocks.1.mlp.fc1.weight'"),
    ])
  func otherFunction(tensor: String, reason: String) throws {
    try withTemporaryFolder { folder in
      var tensors = try Self.tensors()
      if tensor.hasPrefix("-") {
        tensors[String(tensor.dropFirst())] = nil
      } else {
        tensors[tensor] = ([64], [Float](repeating: 1, count: 64))
      }
      try Self.write("\(folder)/in.safetensors", tensors)
      let result = try start("\(folder)/in.safetensors", "\(folder)/run")
      let lines = result.errors.split(separator: "\n").filter { $0.hasPrefix("tetrajet: ") }
      #expect(result.status == 65 && lines.count == 1, "\(result)")
      #expect(lines.allSatisfy { $0.contains(reason) }, "\(lines)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
    }
  }

  @Test("Weights for other channels, and weights that are no numbers, are called that")
  func wrongWeights() throws {
    try withTemporaryFolder { folder in
      var tensors = try Self.tensors()
      tensors["patch_embed.proj.weight"] = ([64, 3, 4, 4], [Float](repeating: 1, count: 3072))
      try Self.write("\(folder)/in.safetensors", tensors)
      let channels = try start("\(folder)/in.safetensors", "\(folder)/run")
      #expect(
        channels.status == 65 && channels.errors.contains("it takes 3 colour channels: set"),
        "\(channels)")

      tensors = try Self.tensors()
      tensors["blocks.1.norm2.bias"]!.values[5] = .nan
      try Self.write("\(folder)/in.safetensors", tensors)
      let broken = try start("\(folder)/in.safetensors", "\(folder)/run")
      #expect(
        broken.status == 65
          && broken.errors.contains(
            "tensor 'blocks.1.norm2.bias' holds a NaN (1 of its 64 numbers"),
        "\(broken)")
    }
  }

  @Test("The shape is the file's where nobody names one, and what it cannot tell is said")
  func shapeOfFile() throws {
    try withTemporaryFolder { folder in
      let (file, run) = ("\(folder)/in.safetensors", "\(folder)/run")
      try Self.write(file, try Self.tensors())
      let result = try start(file, run)
      #expect(result.status == 0, "\(result)")
      #expect(
        result.errors.contains("width 64, mlp_ratio 2.0")
          && result.errors.contains("depth 2, image_size 8, heads 1")
          && result.errors.contains("1 are usual for this width"), "\(result.errors)")
      #expect(!result.errors.contains("initial values"))
      // A run of one's own says everything; what the user names holds.
      let deeper = try start(run, "\(folder)/next", ["--set", "model.depth=1"])
      #expect(
        deeper.status == 0 && deeper.errors.contains("not used: blocks.1"), "\(deeper.errors)")
      let checkpoint = try Checkpoint(path: "\(folder)/next")
      #expect(checkpoint.recipe.model.width == 64 && checkpoint.recipe.model.depth == 1)

      var narrow = Self.shape
      (narrow.width, narrow.heads) = (40, 2)
      try Self.write(file, try Self.tensors(narrow))
      let unknown = try start(file, "\(folder)/none")
      #expect(
        unknown.status == 65 && unknown.errors.contains("of width 40 has; set model.heads"),
        "\(unknown)")
      #expect(try start(file, "\(folder)/two", ["--set", "model.heads=2"]).status == 0)
    }
  }

  @Test("A DeiT-III is known by its factors and by its class token's lack of a position")
  func otherFamily() throws {
    try withTemporaryFolder { folder in
      var shape = Self.shape
      shape.architecture = .deit3
      let (file, run) = ("\(folder)/in.safetensors", "\(folder)/run")
      try Self.write(file, try Self.tensors(shape))
      let result = try start(file, run)
      #expect(result.status == 0 && result.errors.contains("architecture deit3"), "\(result)")
      #expect(try Checkpoint(path: run).recipe.model.architecture == .deit3)
      let folded = try start(file, "\(folder)/vit", ["--set", "model.architecture=vit"])
      #expect(
        folded.status == 0 && folded.errors.contains("LayerScale: 4 multiplied into"), "\(folded)")
    }
  }

  @Test("A folder of Hugging Face's gives its model and what its config.json says")
  func hubFolder() throws {
    try withTemporaryFolder { folder in
      try Self.write("\(folder)/model.safetensors", try Self.tensors())
      let config =
        "{\"num_attention_heads\": 2, \"layer_norm_eps\": 1e-5, \"hidden_act\": \"gelu\"}"
      try writeFileAtomically("\(folder)/config.json", text: config)
      let result = try start(folder, "\(folder)/run")
      #expect(
        result.status == 0 && result.errors.contains("heads 2")
          && result.errors.contains("norm_epsilon 1e-05"), "\(result)")
      try writeFileAtomically(
        "\(folder)/config.json",
        text: config.replacingOccurrences(of: "gelu", with: "quick_gelu"))
      let other = try start(folder, "\(folder)/other")
      #expect(
        other.status == 65 && other.errors.contains("'quick_gelu' for an activation"), "\(other)")

      try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
      for part in 1...2 {
        try writeFileAtomically("\(folder)/model-0000\(part)-of-00002.safetensors", text: "")
      }
      try writeFileAtomically(
        "\(folder)/model.safetensors.index.json", text: "{\"weight_map\": {}}")
      let sharded = try start(folder, "\(folder)/other")
      #expect(
        sharded.status == 65 && sharded.errors.contains("the model lies in 2 files"), "\(sharded)")
      for file in [
        "model.safetensors.index.json", "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
      ] {
        try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
      }
      try writeFileAtomically("\(folder)/pytorch_model.bin", text: "PK")
      let pickle = try start(folder, "\(folder)/other")
      #expect(
        pickle.status == 65 && pickle.errors.contains("pytorch_model.bin is not safetensors"),
        "\(pickle)")
    }
  }

  @Test(
    "What people take for safetensors is called by its name, by every subcommand",
    arguments: [
      ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", "Git LFS"),
      ("{\"metadata\": {\"total_size\": 1}, \"weight_map\": {}}", "an index of a model"),
      ("{\"architectures\": [\"ViT\"]}", "JSON, not safetensors"),
      ("PK\u{3}\u{4}archive/data.pkl", "a zip archive"), ("GGUF\u{3}\0\0\0\0\0\0\0", "GGUF"),
      ("\u{8}\u{d}\u{12}\u{8}tetrajet\u{1a}\u{5}0.2.0", "ONNX"),
      ("<!DOCTYPE html><html>", "a page of a website"),
    ])
  func otherFormats(text: String, name: String) throws {
    try withTemporaryFolder { folder in
      let file = "\(folder)/file.safetensors"
      try writeFileAtomically(file, text: text)
      for arguments in [
        ["eval", file], ["quantize", file, "\(folder)/out"],
        ["train", "--init", file, "--output", "\(folder)/run"],
      ] {
        let result = try tetrajet(arguments)
        #expect(
          result.status == 65
            && ["", "a "].contains { result.errors.contains("file.safetensors: \($0)\(name)") },
          "\(result)")
        #expect(result.errors.split(separator: "\n").count == 1)
      }
    }
  }
}
