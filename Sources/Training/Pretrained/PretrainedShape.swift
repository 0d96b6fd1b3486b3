import Files
import Foundation
import VisionModels

/// The shape of the model in a file of pretrained weights, as settings for the keys that the user leaves open.
package struct PretrainedShape {
  /// The keys `model.*` with the file's values; to be put before the user's settings.
  package let settings: [RecipeSetting]
  /// One line on what was taken from the file, and what was concluded only.
  package let note: String

  /// The shape in the file that settings start from; nil where they start from none, name a preset, or leave nothing open.
  ///
  /// - Throws: `PretrainedError` (also where heads are not told), `SafetensorsError`, `FileError`, `ModelError`.
  package init?(of settings: [RecipeSetting]) throws {
    let settings = settings.withoutDefaults()
    guard let path = settings.last(where: { $0.name == "fine_tuning.init" })?.words.first,
      path != "none", !settings.contains(where: { $0.name == "model.preset" })
    else { return nil }
    let named = Set(settings.map(\.name))
    // A resolved recipe leaves nothing open.
    guard !RecipeKey.all.allSatisfy({ !$0.name.hasPrefix("model.") || named.contains($0.name) })
    else { return nil }
    let file = try openPretrained(path)
    guard var found = try Self.described(in: file) ?? Self.read(file, named: named) else {
      return nil
    }
    found.values.removeAll { named.contains("model.\($0.key)") }
    guard !found.values.isEmpty else { return nil }
    self.settings = found.values.map {
      RecipeSetting(key: "model.\($0.key)", words: $0.words, location: file.file.path)
    }
    let list = found.values.map { "\($0.key) \($0.words.joined(separator: " "))" }
    note =
      "the model's shape from \(file.file.path): \(list.joined(separator: ", "))"
      + (found.remark.map { " (\($0))" } ?? "")
  }

  private struct Found {
    var values: [(key: String, words: [String])] = []
    var remark: String?

    mutating func set(_ key: String, _ value: Int) { values.append((key, ["\(value)"])) }
    mutating func set(_ key: String, _ value: Float) { values.append((key, ["\(value)"])) }
  }

  /// The shape in the metadata of a checkpoint of our own.
  private static func described(in file: WeightFile) throws -> Found? {
    guard file.file.metadata["architecture"] != nil else { return nil }
    let shape = try ModelConfiguration(metadataOf: file.file)
    var found = Found(values: [("architecture", [shape.architecture.rawValue])])
    found.set("image_size", shape.imageSize)
    found.set("patch_size", shape.patchSize)
    found.set("channels", shape.channels)
    found.set("width", shape.width)
    if shape.architecture == .swin {
      found.values.append(("stage_depths", shape.stageDepths.map(String.init)))
      found.values.append(("stage_heads", shape.stageHeads.map(String.init)))
      found.set("window_size", shape.windowSize)
    } else {
      found.set("depth", shape.depth)
      found.set("heads", shape.heads)
    }
    found.set("mlp_ratio", shape.mlpRatio)
    found.set("norm_epsilon", shape.normEpsilon)
    return found
  }

  /// The shape that names and extents of tensors tell; nil where the file names none of our models' tensors.
  private static func read(_ file: WeightFile, named: Set<String>) throws -> Found? {
    let isSwin = file.tensorNames.contains { $0.contains("layers.0.blocks.0.") }
    let architecture = isSwin ? ModelConfiguration.Architecture.swin : .vit
    guard let names = PretrainedNames(file, architecture: architecture),
      let patches = names.source(of: "patch_embed.proj.weight"),
      let projection = file.shape(of: patches.names[0]), projection.count == 4,
      // A tensor without elements may claim any extents.
      projection.allSatisfy({ (1...1 << 16).contains($0) })
    else { return nil }
    let hub = HubConfiguration(beside: file.file.path)
    try hub?.check()
    func shape(_ name: String) -> [Int]? {
      names.source(of: name).flatMap { file.shape(of: $0.names[0]) }
    }
    let (width, patch) = (projection[0], projection[2])
    var found = Found(values: [("architecture", [architecture.rawValue])])
    found.set("patch_size", patch)
    found.set("width", width)
    let first = isSwin ? "layers.0.blocks.0" : "blocks.0"
    if let hidden = shape("\(first).mlp.fc1.weight")?.first, width > 0 {
      found.set("mlp_ratio", Float(hidden) / Float(width))
    }
    found.set("norm_epsilon", hub?.normEpsilon ?? names.normEpsilon)
    if isSwin {
      readStages(names, shape, patch: patch, hub, &found)
    } else {
      found.set("depth", names.depth(in: file.tensorNames))
      if let tokens = shape("pos_embed"), tokens.count == 3,
        let (_, side) = PositionGrid.split(tokens[1])
      {
        found.set("image_size", side * patch)
      }
      if !named.contains("model.heads") {
        if let heads = hub?.heads {
          found.set("heads", heads)
        } else {
          guard let heads = usualHeads(width) else {
            throw PretrainedError.heads(path: file.file.path, width: width)
          }
          found.set("heads", heads)
          found.remark = "the file does not say its heads: \(heads) are usual for this width"
        }
      }
    }
    return found
  }

  private static func readStages(
    _ names: PretrainedNames, _ shape: (String) -> [Int]?, patch: Int, _ hub: HubConfiguration?,
    _ found: inout Found
  ) {
    var depths: [Int] = []
    var heads: [Int] = []
    var window = 7
    for stage in 0..<8 {
      var depth = 0
      while depth < 1024, shape("layers.\(stage).blocks.\(depth).attn.proj.weight") != nil {
        depth += 1
      }
      guard depth > 0 else { break }
      depths.append(depth)
      let table = shape("layers.\(stage).blocks.0.attn.relative_position_bias_table") ?? []
      if table.count == 2, let side = squareSide(table[0]), side % 2 == 1 {
        heads.append(table[1])
        // A stage whose grid is smaller than the window has a smaller table.
        if stage == 0 { window = (side + 1) / 2 }
      }
    }
    found.values.append(("stage_depths", depths.map(String.init)))
    if heads.count == depths.count {
      found.values.append(("stage_heads", heads.map(String.init)))
    }
    found.set("window_size", window)
    if let size = hub?.imageSize {
      found.set("image_size", size)
    } else {
      found.set("image_size", patch * window * 8)
      found.remark =
        "the file does not say its image size: \(patch * window * 8) is usual for this window"
    }
  }

  /// The heads of timm's ViTs: 64 channels each, but for the largest models.
  private static func usualHeads(_ width: Int) -> Int? {
    let others = [1152: 16, 1280: 16, 1408: 16, 1664: 16]
    if let heads = others[width] { return heads }
    return width > 0 && width.isMultiple(of: 64) ? width / 64 : nil
  }
}

/// What `config.json` of Hugging Face's transformers says beside `model.safetensors`.
struct HubConfiguration {
  private let path: String
  private let values: [String: Any]

  /// The configuration beside a file of weights; nil where there is none that can be read.
  init?(beside file: String) {
    let url = URL(fileURLWithPath: file)
    guard url.lastPathComponent == "model.safetensors" else { return nil }
    path = url.deletingLastPathComponent().appendingPathComponent("config.json").path
    guard let bytes = try? readFile(path, limit: 1 << 22),
      let values = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    else { return nil }
    self.values = values
  }

  var heads: Int? { (values["num_attention_heads"] as? Int).flatMap { $0 > 0 ? $0 : nil } }
  var imageSize: Int? { (values["image_size"] as? Int).flatMap { $0 > 0 ? $0 : nil } }
  var normEpsilon: Float? { (values["layer_norm_eps"] as? Double).map(Float.init) }

  /// Refuses activations that are not GELU.
  func check() throws {
    guard let activation = values["hidden_act"] as? String, activation != "gelu" else { return }
    throw PretrainedError.otherFunction(
      path: path, tensor: "hidden_act", why: "has '\(activation)' for an activation instead of GELU"
    )
  }
}
