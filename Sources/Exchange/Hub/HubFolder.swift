import Files
import MXFormats
import VisionModels

/// A model as a folder of safetensors and JSON, as Hugging Face's hub has them.
struct HubFolder {
  static let weights = "model.safetensors"
  static let configuration = "config.json"
  static let preprocessor = "preprocessor_config.json"

  /// Whose names the tensors get.
  enum Names { case timm, transformers }

  private let model: ExportedModel
  private let hub: HubNames?
  /// The tensors under the names that they get.
  private let tensors: [ExportedTensor]
  private let rest: RestType

  /// - Precondition: transformers have the model, where their names are asked for.
  init(_ model: ExportedModel, names: Names, _ rest: RestType) {
    (self.model, self.rest) = (model, rest)
    hub = names == .transformers ? HubNames(model.configuration.architecture)! : nil
    tensors = model.tensors.flatMap { [hub] tensor in
      switch hub?.place(of: tensor.name) {
      case nil: [tensor]
      case .tensor(let name): [ExportedTensor(name, shape: tensor.shape, tensor.content)]
      case .joined(let names): tensor.split(into: names)
      }
    }
  }

  /// Writes the pairs of published MXFP4 checkpoints.
  func writePairs(into folder: String) throws {
    try write(.pairs, into: folder, ("quantization_config", pairsConfiguration))
  }

  /// Writes what compressed-tensors reads.
  func writeCompressedTensors(into folder: String) throws {
    // Its runtime expands weights to bfloat16, whatever the others are.
    try write(
      .compressedTensors, into: folder, ("quantization_config", compressedConfiguration),
      dtype: "bfloat16")
  }

  /// Writes what MLX reads.
  func writeMLX(into folder: String) throws {
    try write(.mlx, into: folder, ("quantization", mlxConfiguration))
  }

  private func write(
    _ style: PackedStyle, into folder: String, _ quantization: (key: String, JSONLine),
    dtype: String? = nil
  ) throws {
    let outgoing = tensors.flatMap { tensor -> [OutgoingTensor] in
      switch tensor.content {
      case .codes(let codes): style.tensors(tensor.name, codes)
      case .floats(let values):
        switch rest {
        case .f32: [OutgoingTensor.floats(tensor.name, shape: tensor.shape, values)]
        case .bf16: [.bytes(tensor.name, .bf16, shape: tensor.shape, bfloat16Bytes(values))]
        }
      }
    }
    try writeSafetensors(
      "\(folder)/\(Self.weights)", tensors: outgoing,
      metadata: model.origin.merging(outerScales) { $1 }.merging(["format": "pt"]) { $1 },
      checksum: true)
    var configuration = modelConfiguration(
      dtype: dtype ?? (rest == .f32 ? "float32" : "bfloat16"))
    configuration.add(quantization.key, quantization.1)
    try writeFileAtomically("\(folder)/\(Self.configuration)", text: configuration.lines)
    try writeFileAtomically("\(folder)/\(Self.preprocessor)", text: imageProcessor.lines)
  }

  /// The outer scales as a note: what a layout has in their place may lack their last places.
  private var outerScales: [String: String] {
    let scales = tensors.compactMap { tensor in
      tensor.codes.flatMap { $0.format.outerScale == .none ? nil : (tensor.name, $0.outerScale) }
    }
    guard !scales.isEmpty else { return [:] }
    var line = JSONLine()
    for (name, scale) in scales { line.add(name, scale) }
    return [ExportedModel.outerScalesKey: line.text]
  }

  /// The format of the weights.
  private var format: BlockFormat { tensors.lazy.compactMap(\.codes).first?.format ?? .mxfp4 }

  /// The layer that a weight belongs to.
  private func layer(_ tensor: ExportedTensor) -> String {
    String(tensor.name.dropLast(".weight".count))
  }

  /// Linear layers that training kept in single precision.
  private var keptLayers: [String] {
    tensors.filter { $0.codes == nil && $0.shape.count == 2 && $0.name.hasSuffix(".weight") }
      .map(layer)
  }
}

// MARK: The configuration files

extension HubFolder {
  /// - Parameter dtype: what the model computes in.
  private func modelConfiguration(dtype: String) -> JSONLine {
    let shape = model.configuration
    var line = JSONLine()
    if let hub {
      line.add("architectures", [hub.modelClass])
      line.add("model_type", hub.modelType)
    } else {
      line.add("model_type", shape.architecture.rawValue)
    }
    line.add(shape.architecture.family.hubSizes(shape))
    line.add("hidden_act", "gelu")
    line.add("qkv_bias", true)
    line.add("layer_norm_eps", shape.normEpsilon)
    line.add("image_size", shape.imageSize)
    line.add("patch_size", shape.patchSize)
    line.add("num_channels", shape.channels)
    line.add("dtype", dtype)
    var (names, labels) = (JSONLine(), JSONLine())
    for (label, name) in model.labels.enumerated() {
      names.add("\(label)", name)
      if labels[name] == nil { labels.add(name, label) }
    }
    line.add("id2label", names)
    line.add("label2id", labels)
    return line
  }

  private var pairsConfiguration: JSONLine {
    var line = JSONLine()
    line.add("quant_method", "mxfp4")
    line.add("modules_to_not_convert", keptLayers)
    return line
  }

  private var mlxConfiguration: JSONLine {
    var line = JSONLine()
    line.add("group_size", BlockFormat.mxfp4.groupSize)
    line.add("bits", 4)
    line.add("mode", "mxfp4")
    for layer in keptLayers { line.add(layer, false) }
    return line
  }

  private var compressedConfiguration: JSONLine {
    let isNVFP4 = format == .nvfp4
    let name = isNVFP4 ? "nvfp4-pack-quantized" : "mxfp4-pack-quantized"
    func quantizer(isDynamic: Bool) -> JSONLine {
      var line = JSONLine()
      line.add("num_bits", 4)
      line.add("type", "float")
      line.add("strategy", isNVFP4 ? "tensor_group" : "group")
      line.add("group_size", format.groupSize)
      line.add("symmetric", true)
      line.add("dynamic", isDynamic)
      line.add("scale_dtype", isNVFP4 ? "torch.float8_e4m3fn" : "torch.uint8")
      return line
    }
    var group = JSONLine()
    group.add("targets", ["Linear"])
    group.add("format", name)
    group.add("weights", quantizer(isDynamic: false))
    if model.activations == .mxfp4 {
      group.add("input_activations", quantizer(isDynamic: true))
    }
    var groups = JSONLine()
    groups.add("group_0", group)
    var line = JSONLine()
    line.add("quant_method", "compressed-tensors")
    line.add("format", name)
    line.add("quantization_status", "compressed")
    line.add("config_groups", groups)
    line.add("ignore", keptLayers)
    return line
  }

  /// transformers' processor that resizes the shorter side and keeps the middle.
  private var imageProcessor: JSONLine {
    let images = model.images
    var shorter = JSONLine()
    shorter.add("shortest_edge", images.shorterSide)
    var crop = JSONLine()
    crop.add("height", images.side)
    crop.add("width", images.side)
    var line = JSONLine()
    line.add("image_processor_type", "BitImageProcessor")
    line.add("do_convert_rgb", true)
    line.add("do_resize", true)
    line.add("size", shorter)
    // Pillow's number of bicubic resampling.
    line.add("resample", 3)
    line.add("do_center_crop", true)
    line.add("crop_size", crop)
    line.add("do_rescale", true)
    line.add("rescale_factor", 1.0 / 255)
    line.add("do_normalize", true)
    line.add("image_mean", images.mean)
    line.add("image_std", images.standardDeviation)
    return line
  }
}
