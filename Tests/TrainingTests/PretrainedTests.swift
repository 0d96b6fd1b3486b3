import Files
import Foundation
import MXLinear
import MXRuntime
import TestSupport
import Testing
import Training
import VisionModels

@Suite("Pretrained weights")
struct PretrainedTests {
  static let vit = ModelConfiguration(
    imageSize: 16, patchSize: 4, channels: 3, width: 8, depth: 2, heads: 2, mlpRatio: 2, classes: 5)
  static let swin: ModelConfiguration = {
    var swin = ModelConfiguration.swin(
      imageSize: 16, patchSize: 2, width: 8, depths: [1, 2], heads: [2, 4], windowSize: 4,
      classes: 5)
    swin.mlpRatio = 2
    return swin
  }()

  static let deit3: ModelConfiguration = {
    var deit3 = vit
    deit3.architecture = .deit3
    return deit3
  }()

  /// A model with random weights.
  static func model(
    _ configuration: ModelConfiguration, seed: UInt64, _ recipe: LinearRecipe = .tetrajet
  ) throws -> (VisionModel, AlignedBuffer<Float>) {
    let model = try VisionModel(configuration, recipe: recipe)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    var random = TestRandom(seed: seed)
    for index in 0..<weights.count { weights.base[index] = random.normal() }
    return (model, weights)
  }

  /// Writes a model's tensors, renamed by `rename` (nil leaves one out), and loads them into another model.
  static func load(
    from source: ModelConfiguration, into target: ModelConfiguration, extra: [OutgoingTensor] = [],
    rename: (_ name: String, _ values: [Float], _ shape: [Int]) -> [OutgoingTensor]
  ) throws -> (
    report: PretrainedReport, loaded: AlignedBuffer<Float>, source: AlignedBuffer<Float>,
    table: ParameterTable
  ) {
    let (old, values) = try model(source, seed: 1)
    let (new, weights) = try model(target, seed: 2)
    let tensors = old.parameters.entries.flatMap { entry in
      rename(entry.name, Array(values.elements[entry.range]), entry.shape)
    }
    return try withTemporaryFolder { folder in
      try writeSafetensors("\(folder)/file.safetensors", tensors: tensors + extra)
      let report = try new.loadPretrained("\(folder)/file.safetensors", into: weights)
      return (report, weights, values, new.parameters)
    }
  }

  /// A tensor under another name.
  static func keep(_ name: String, _ values: [Float], _ shape: [Int]) -> [OutgoingTensor] {
    [.floats(name, shape: shape, values)]
  }

  /// The names of Hugging Face's transformers, queries, keys and values apart.
  static func transformers(
    _ name: String, _ values: [Float], _ shape: [Int], prefix: String
  ) -> [OutgoingTensor] {
    let isSwin = prefix == "swin."
    let attention = isSwin ? "attention.self" : "attention.attention"
    var result = name
    for (from, to) in [
      ("cls_token", "embeddings.cls_token"), ("pos_embed", "embeddings.position_embeddings"),
      ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
      ("patch_embed.norm", "embeddings.norm"), ("norm1", "layernorm_before"),
      ("norm2", "layernorm_after"), ("attn.proj", "attention.output.dense"),
      ("attn.relative", "\(attention).relative"), ("mlp.fc1", "intermediate.dense"),
      ("mlp.fc2", "output.dense"), ("ls1.gamma", "layer_scale1.lambda1"),
      ("ls2.gamma", "layer_scale2.lambda1"),
    ] { result = result.replacingOccurrences(of: from, with: to) }
    if name.hasPrefix("head") {
      return keep("classifier." + name.split(separator: ".").last!, values, shape)
    }
    if name.hasPrefix("norm.") { result = "layernorm." + name.dropFirst(5) }
    if name.hasPrefix("blocks.") { result = "encoder.layer." + result.dropFirst(7) }
    if name.hasPrefix("layers.") {
      result = "encoder." + result
      if name.contains("downsample") {
        result = result.replacingOccurrences(of: "layers.1", with: "layers.0")
      }
    }
    guard let range = result.range(of: "attn.qkv") else {
      return keep(prefix + result, values, shape)
    }
    let third = values.count / 3
    return ["query", "key", "value"].enumerated().map { index, part in
      .floats(
        prefix + result.replacingCharacters(in: range, with: "\(attention).\(part)"),
        shape: [shape[0] / 3] + shape.dropFirst(),
        Array(values[index * third..<(index + 1) * third]))
    }
  }

  @Test(
    "timm's and transformers' names lead to the same weights, with or without a prefix",
    arguments: [vit, swin, deit3], ["", "model.", "hugging face"])
  func names(configuration: ModelConfiguration, style: String) throws {
    let prefix = configuration.architecture == .swin ? "swin." : "deit."
    let (report, loaded, source, table) = try Self.load(from: configuration, into: configuration) {
      style == "hugging face"
        ? Self.transformers($0, $1, $2, prefix: prefix) : Self.keep(style + $0, $1, $2)
    }
    #expect(Array(loaded.elements) == Array(source.elements))
    #expect(report.loaded == table.entries.count && report.unused.isEmpty)
    #expect(report.initial.isEmpty && report.misfits.isEmpty && report.reshaped.isEmpty)
  }

  @Test("Swin's own files, which merge at the end of a stage and have a plain head, fit too")
  func oldSwin() throws {
    let (report, loaded, source, _) = try Self.load(from: Self.swin, into: Self.swin) {
      Self.keep(
        $0.replacingOccurrences(of: "layers.1.downsample", with: "layers.0.downsample")
          .replacingOccurrences(of: "head.fc", with: "head"), $1, $2)
    }
    #expect(Array(loaded.elements) == Array(source.elements) && report.unused.isEmpty)
  }

  @Test("which channels another training had in a wider format is not taken, by whatever method")
  func outlierChannels() throws {
    let (old, values) = try Self.model(Self.vit, seed: 1, .tetrajetV2)
    try withTemporaryFolder { folder in
      let file = "\(folder)/file.safetensors"
      try writeSafetensors(
        file,
        tensors: old.parameters.entries.map { entry in
          .floats(entry.name, shape: entry.shape, Array(values.elements[entry.range]))
        })
      for recipe in [LinearRecipe.tetrajetV2, .tetrajet] {
        let (new, weights) = try Self.model(Self.vit, seed: 2, recipe)
        let marks = new.parameters.entries.filter { $0.part.role == .channels }
        #expect(marks.count == (recipe == .tetrajet ? 0 : 8))
        for entry in marks { weights[entry.parameter].elements.update(repeating: 0) }
        let report = try new.loadPretrained(file, into: weights)
        #expect(report.unused.isEmpty && report.loaded == new.parameters.learned.entries.count)
        #expect(marks.allSatisfy { weights.elements[$0.range].allSatisfy { $0 == 0 } })
      }
    }
  }

  @Test("another number of classes keeps a new head, and says so")
  func otherClasses() throws {
    var target = Self.vit
    target.classes = 3
    let before = try Self.model(target, seed: 2).1
    let (report, loaded, _, table) = try Self.load(
      from: Self.vit, into: target,
      extra: [
        .floats("head_dist.weight", shape: [5, 8], [Float](repeating: 0, count: 40)),
        .floats("blocks.0.attn.relative_position_index", shape: [1], [0]),
      ], rename: Self.keep)
    #expect(
      report.initial == ["head.weight", "head.bias"] && report.unused == ["head_dist.weight"])
    #expect(report.loaded == table.entries.count - 2)
    let head = try #require(table.entries.first { $0.name == "head.weight" })
    #expect(Array(loaded.elements[head.range]) == Array(before.elements[head.range]))
    #expect(report.lines.contains("initial values: head.weight, head.bias"))
  }

  @Test("another resolution interpolates the position embedding; a distillation token is left out")
  func otherResolution() throws {
    var target = Self.vit
    target.imageSize = 32
    let width = 8
    let (report, loaded, source, table) = try Self.load(from: Self.vit, into: target) {
      guard $0 == "pos_embed" else { return Self.keep($0, $1, $2) }
      let distillation = [Float](repeating: 77, count: width)
      return [
        .floats($0, shape: [1, 18, width], $1[..<width] + distillation + $1[width...])
      ]
    }
    #expect(report.reshaped.map(\.name) == ["pos_embed"])
    #expect(report.reshaped[0].from == [1, 18, 8] && report.reshaped[0].to == [1, 65, 8])
    let entry = try #require(table.entries.first { $0.name == "pos_embed" })
    let new = Array(loaded.elements[entry.range])
    let old = source.elements[entry.offset..<entry.offset + 17 * width]
    #expect(Array(new[..<width]) == Array(old.prefix(width)))
    #expect(!new.contains(77))
    // Twice the size: a place lies a quarter between two, where Keys' kernel weighs −9, 111, 29, −3 in 128.
    func at(_ row: Int, _ column: Int) -> Double {
      Double(old[old.startIndex + (1 + row * 4 + column) * width + 3])
    }
    let weights: [Double] = [-3, 29, 111, -9].map { $0 / 128 }
    var expected = 0.0
    for (i, a) in weights.enumerated() {
      for (j, b) in weights.enumerated() { expected += a * b * at(i, j) }
    }
    // Row and column 4 of the new grid have their middle at 1.75 of the old one: 2 is the nearest.
    #expect(abs(Double(new[(1 + 4 * 8 + 4) * width + 3]) - expected) < 1e-5)
  }

  @Test("a relative position table is brought to another window")
  func otherWindow() throws {
    var target = Self.swin
    target.windowSize = 8
    let (report, _, _, _) = try Self.load(from: Self.swin, into: target, rename: Self.keep)
    #expect(report.reshaped.count == 1 && report.reshaped[0].to == [225, 2])
    #expect(report.misfits.isEmpty)
  }

  @Test(
    "a DeiT-III keeps its factors, which its authors name another way; a ViT multiplies them in")
  func factors() throws {
    let own = { (name: String) in
      name.replacingOccurrences(of: "ls1.gamma", with: "gamma_1")
        .replacingOccurrences(of: "ls2.gamma", with: "gamma_2")
    }
    let kept = try Self.load(from: Self.deit3, into: Self.deit3) { Self.keep(own($0), $1, $2) }
    #expect(Array(kept.loaded.elements) == Array(kept.source.elements))
    #expect(kept.report.foldedScales == 0 && kept.report.unused.isEmpty)
    let folded = try Self.load(from: Self.deit3, into: Self.vit) { Self.keep(own($0), $1, $2) }
    #expect(folded.report.foldedScales == 4 && folded.report.isClassTokenUnplaced)
  }

  @Test("what would make a DeiT-III another function is refused")
  func otherFactors() throws {
    #expect {
      _ = try Self.load(from: Self.vit, into: Self.deit3, rename: Self.keep)
    } throws: {
      "\($0)".contains("'pos_embed' belongs to a model that adds a position to its class token")
    }
    #expect {
      _ = try Self.load(from: Self.deit3, into: Self.deit3) {
        $0.contains("ls1") ? [] : Self.keep($0, $1, $2)
      }
    } throws: {
      "\($0)".contains("has no tensor 'blocks.0.ls1.gamma'")
    }
  }

  @Test("what cannot be used gets one line that says what to do")
  func faults() throws {
    let (model, weights) = try Self.model(Self.vit, seed: 2)
    #expect {
      _ = try model.loadPretrained("deit.pth", into: weights)
    } throws: {
      "\($0)".contains("save_file(torch.load('deit.pth'")
    }
    for source in [
      Self.swin, ModelConfiguration(imageSize: 16, patchSize: 4, width: 12, depth: 2, heads: 2),
    ] {
      #expect {
        _ = try Self.load(from: source, into: Self.vit, rename: Self.keep)
      } throws: {
        "\($0)".contains("no block of this 'vit' model finds its weights there")
      }
    }
  }

  @Test("rates fall towards the input, and a frozen patch embedding stays")
  func rates() throws {
    for (shape, behind) in [
      (Self.vit, ["head.weight": 0, "norm.bias": 0, "blocks.1.mlp.fc1.weight": 1]),
      (Self.vit, ["blocks.0.norm1.bias": 2, "pos_embed": 3, "patch_embed.proj.bias": 3]),
      (Self.swin, ["layers.1.blocks.1.norm1.bias": 1, "layers.1.downsample.norm.bias": 2]),
      (Self.swin, ["layers.0.blocks.0.norm1.bias": 3, "patch_embed.norm.weight": 4]),
    ] {
      let entries = try VisionModel(shape, recipe: .fp32).parameters.entries
      for (name, layers) in behind {
        #expect(entries.first { $0.name == name }?.part.layersBehind == layers, "\(name)")
      }
    }

    var recipe = Recipe.digits
    recipe.model.classes = 10
    recipe.model.dropPath = 0
    recipe.fineTuning.layerDecay = 0.5
    recipe.fineTuning.freezesPatchEmbedding = true
    recipe.optimizer.weightDecay = 0
    let training = try TrainingStep(recipe, cpu)
    training.schedule = LearningRateSchedule(constant: 1e-3)
    let before = Array(training.weights.elements)
    var random = TestRandom(seed: 150)
    _ = try training.run(random.normals(8 * 64), labels: (0..<8).map { $0 }, step: 0)
    // AdamW's first step is the rate itself, in the gradient's direction.
    for entry in training.model.parameters.entries {
      let moved = entry.range.map { abs(training.weights.base[$0] - before[$0]) }.max() ?? 0
      let behind = Float(entry.part.layersBehind)
      let expected = entry.name.hasPrefix("patch_embed.") ? 0 : 1e-3 * Foundation.pow(0.5, behind)
      #expect(abs(moved - expected) <= 0.01 * expected, "\(entry.name)")
    }
  }
}
