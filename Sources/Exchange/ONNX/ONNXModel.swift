import Files
import MXFormats
import VisionModels

/// How an ONNX file has its 4-bit weights.
package struct ONNXWeights: Equatable, Sendable {
  /// What the codes are.
  package enum Codes: String, CaseIterable, Sendable {
    /// FLOAT4E2M1, which DequantizeLinear expands.
    case float4
    /// Bytes of two codes, which ordinary operators and a table of sixteen values expand, for runtimes that do not know
    /// FLOAT4E2M1.
    case table
  }

  /// What the scales are.
  package enum Scales: String, CaseIterable, Sendable {
    /// Bytes of E8M0, as in training.
    case e8m0
    /// The same powers of two in single precision, for runtimes that do not know E8M0.
    case f32
  }

  /// What the codes are.
  package let codes: Codes
  /// What the scales are: single precision beside a table.
  package let scales: Scales

  /// - Parameter scales: of FLOAT4E2M1.
  package init(_ codes: Codes, scales: Scales) {
    self.codes = codes
    self.scales = codes == .table ? .f32 : scales
  }

  /// The versions of the operator set and of the format that know them.
  fileprivate var versions: (operators: Int, format: Int) {
    switch (codes, scales) {
    case (.table, _): (20, 9)
    case (.float4, .f32): (23, 11)
    case (.float4, .e8m0): (25, 13)
    }
  }
}

/// A model as a graph of ONNX operators: images [N, channels, side, side], prepared as evaluation does, to logits
/// [N, classes]. Weights stay in 4 bits and are expanded where they are multiplied.
struct ONNXModel {
  let model: ExportedModel
  private let weights: ONNXWeights
  private let rest: RestType
  /// The tensors by name.
  let tensors: [String: ExportedTensor]
  /// The graph so far.
  var graph = ONNXGraph(name: "tetrajet")
  /// The values of the sixteen codes, where a table expands them.
  private var table: ONNXGraph.Value?

  init(_ model: ExportedModel, _ weights: ONNXWeights, rest: RestType) {
    (self.model, self.weights, self.rest) = (model, weights, rest)
    tensors = Dictionary(uniqueKeysWithValues: model.tensors.map { ($0.name, $0) })
  }

  /// Writes the file.
  func write(_ file: borrowing FileDescriptor) throws {
    var copy = self
    let bytes = copy.message().bytes
    try bytes.withUnsafeBytes { try file.write($0) }
  }

  /// ModelProto.
  private mutating func message() -> ProtobufWriter {
    build()
    var opset = ProtobufWriter()
    opset.add(1, "")
    opset.add(2, weights.versions.operators)
    var message = ProtobufWriter()
    message.add(1, weights.versions.format)
    message.add(2, "tetrajet")
    message.add(3, model.origin["tetrajet.version"] ?? "")
    message.add(7, graph.message)
    message.add(8, opset)
    for (key, value) in notes {
      var note = ProtobufWriter()
      note.add(1, key)
      note.add(2, value)
      message.add(14, note)
    }
    return message
  }

  /// What whoever runs it must know.
  private var notes: [(key: String, value: String)] {
    func list(_ numbers: [Float]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }
    let images = [
      "class_names": jsonArray(model.labels),
      "images":
        "the shorter side resized to \(model.images.shorterSide) (bicubic, antialiased), the middle "
        + "\(model.images.side) x \(model.images.side) kept, values in 0...1, minus mean, over standard_deviation",
      "mean": list(model.images.mean), "standard_deviation": list(model.images.standardDeviation),
    ]
    return model.origin.merging(images) { $1 }.sorted { $0.key < $1.key }
  }
}

extension ONNXModel {
  /// The numbers of a tensor that has no codes.
  func numbers(_ name: String) -> [Float] {
    guard case .floats(let values) = tensors[name]?.content else {
      preconditionFailure("no numbers '\(name)' in the model")
    }
    return values
  }

  mutating func floats(_ name: String, _ values: [Float], shape: [Int]) -> ONNXGraph.Value {
    graph.constant(name, .float, shape: shape, values.withUnsafeBytes(Array.init))
  }

  /// A tensor of the model in single precision; each is read once.
  mutating func tensor(_ name: String) -> ONNXGraph.Value {
    guard let tensor = tensors[name] else { preconditionFailure("no '\(name)' in the model") }
    switch tensor.content {
    case .codes(let codes): return expanded(tensor, codes)
    case .floats(let values):
      guard rest == .bf16 else { return floats(name, values, shape: tensor.shape) }
      let stored = graph.constant(
        name, .bfloat16, shape: tensor.shape, bfloat16Bytes(values))
      return graph.node("Cast", [stored], [("to", .integer(ONNXGraph.Element.float.rawValue))])
    }
  }

  private mutating func expanded(
    _ tensor: ExportedTensor, _ codes: PackedMatrix
  ) -> ONNXGraph.Value {
    let (name, shape) = ("\(tensor.name)_scales", [codes.lanes, codes.groups])
    func numbers() -> [Float] { codes.scales.map { E8M0(byte: $0).value } }
    guard weights.codes == .float4 else {
      let scales = floats(name, numbers(), shape: shape + [1])
      let groups = graph.node("Mul", [lookedUp(tensor, codes), scales])
      return reshape(groups, tensor.shape)
    }
    let elements = graph.constant(
      "\(tensor.name)_codes", .float4e2m1, shape: tensor.shape, codes.blocks)
    let scales =
      switch weights.scales {
      case .e8m0: graph.constant(name, .float8e8m0, shape: shape, codes.scales)
      case .f32: floats(name, numbers(), shape: shape)
      }
    return graph.node(
      "DequantizeLinear", [elements, scales],
      [
        ("axis", .integer(1)), ("block_size", .integer(codes.format.groupSize)),
        ("output_dtype", .integer(ONNXGraph.Element.float.rawValue)),
      ])
  }

  /// The values of codes [outputs, groups, elements of a group] before they are scaled.
  private mutating func lookedUp(
    _ tensor: ExportedTensor, _ codes: PackedMatrix
  ) -> ONNXGraph.Value {
    let shape = [codes.lanes, codes.groups, codes.blockSize]
    let bytes = graph.constant("\(tensor.name)_codes", .uint8, shape: shape, codes.blocks)
    func nibbles(_ op: String, _ operand: UInt8, _ attributes: [(String, ONNXGraph.Attribute)])
      -> ONNXGraph.Value
    {
      let operand = graph.constant(
        "\(tensor.name)_\(op)", .uint8, shape: [], [operand])
      return reshape(graph.node(op, [bytes, operand], attributes), shape + [1])
    }
    let pair = graph.node(
      "Concat",
      [nibbles("BitwiseAnd", 15, []), nibbles("BitShift", 4, [("direction", .string("RIGHT"))])],
      [("axis", .integer(3))])
    let indices = graph.node(
      "Cast", [reshape(pair, [codes.lanes, codes.groups, codes.format.groupSize])],
      [("to", .integer(ONNXGraph.Element.int32.rawValue))])
    let table =
      table
      ?? floats("e2m1_values", (0..<16).map { codes.format.elements.value(of: $0) }, shape: [16])
    self.table = table
    return graph.node("Gather", [table, indices])
  }
}
