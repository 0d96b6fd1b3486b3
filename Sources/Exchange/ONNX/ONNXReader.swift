import Files
import MXFormats

/// The weights in an ONNX file that lie there in MXFP4, whoever wrote it: codes of FLOAT4E2M1 that `DequantizeLinear` expands by
/// scales of FLOAT8E8M0 or single precision, and the bytes that `export --codes table` writes.
///
/// The graph is walked once; constants are read when they are asked for.
package final class ONNXReader {
  /// A weight.
  package struct Weight: Sendable {
    /// Its name, without what `export` adds.
    package let name: String
    /// Its extents, slowest first.
    package let shape: [Int]
    fileprivate let codes: Range<Int>, scales: Range<Int>
    /// Whether scales are numbers in single precision.
    fileprivate let hasNumbers: Bool

    /// Rows of the last extent, and groups of each.
    package var lanes: Int { shape.dropLast().reduce(1, *) }
    package var groups: Int { shape[shape.count - 1] / BlockFormat.mxfp4.groupSize }
  }

  /// The path it was opened by.
  package let path: String
  /// The file's notes.
  package private(set) var metadata: [String: String] = [:]
  /// The weights in MXFP4, in the order of the graph.
  package private(set) var weights: [Weight] = []
  /// Why others with codes cannot be read, a line each.
  package private(set) var faults: [String] = []

  private let file: ProtobufFile
  /// The constants that are none of the weights.
  private var constants: [String: Constant] = [:]

  /// A constant of the graph; `bytes` is nil where they lie in another file, or number by number.
  private struct Constant { var name: String?, type = 0, shape: [Int] = [], bytes: Range<Int>? }

  /// What expands codes.
  private struct Node {
    var operation: String?, inputs: [String] = [], axis = 1, blockSize = 0
  }

  private static let (mostExtents, mostNotes, longestText) = (8, 1024, 1 << 20)

  /// Opens a file and walks its graph.
  ///
  /// - Throws: `ONNXError`, `FileError`.
  package init(path: String) throws {
    self.path = path
    file = try ProtobufFile(path: path)
    var graph: Range<Int>?
    try fields(0..<file.length) { field, value in
      switch (field, value) {
      case (7, .bytes(let range)): graph = range
      case (14, .bytes(let range)): try self.readNote(range)
      default: break
      }
    }
    guard let graph else { throw error(.noGraph) }
    var nodes: [Node] = []
    try fields(graph) { field, value in
      switch (field, value) {
      case (5, .bytes(let range)): try self.readConstant(range)
      case (1, .bytes(let range)):
        let node = try self.node(range)
        if node.operation == "DequantizeLinear" { nodes.append(node) }
      default: break
      }
    }
    for node in nodes { addWeight(node) }
    addTables()
  }

  /// The extents of the other constants.
  package var others: [String: [Int]] { constants.mapValues(\.shape) }

  /// Some elements of another constant in single precision, counted row by row.
  ///
  /// - Throws: `ONNXError.Fault.constant` where it holds no such numbers, or not in the file; `FileError`.
  package func floats(_ name: String, elements: Range<Int>) throws -> [Float] {
    let types: [Int: TensorType] = [1: .f32, 10: .f16, 11: .f64, 16: .bf16]
    guard let constant = constants[name], let type = types[constant.type],
      let bytes = constant.bytes, elements.upperBound <= bytes.count / type.size
    else { throw error(.constant(name)) }
    let first = bytes.lowerBound + elements.lowerBound * type.size
    return type.floats(try file.bytes(first..<first + elements.count * type.size))
  }

  /// Some lanes of a weight.
  ///
  /// - Throws: `FileError`; `ONNXError.Fault.scale` where a scale in single precision is no power of two.
  package func codes(_ weight: Weight, lanes: Range<Int>) throws -> PackedMatrix {
    let groups = weight.groups
    let size = groups * PackedMatrix.blockSize(.mxfp4)
    func part(_ range: Range<Int>, _ lane: Int) -> Range<Int> {
      range.lowerBound + lanes.lowerBound * lane..<range.lowerBound + lanes.upperBound * lane
    }
    var scales = try file.bytes(part(weight.scales, weight.hasNumbers ? 4 * groups : groups))
    if weight.hasNumbers {
      scales = try TensorType.f32.floats(scales).map { number in
        // Of powers of two the significand is 1; those below the normal numbers are no more than 2^−127.
        guard number > 0, number.significand == 1, number.exponent >= -127 else {
          throw error(.scale(weight: weight.name, found: number))
        }
        return E8M0(exponent: Int(number.exponent)).byte
      }
    }
    return PackedMatrix(
      format: .mxfp4, lanes: lanes.count, blocks: try file.bytes(part(weight.codes, size)),
      scales: scales)
  }
}

// MARK: The graph

extension ONNXReader {
  private func error(_ fault: ONNXError.Fault) -> ONNXError { ONNXError(path: path, fault: fault) }

  private func fields(
    _ range: Range<Int>, _ body: (Int, ProtobufFile.Value) throws -> Void
  ) throws {
    guard try file.forEachField(in: range, body) else {
      throw error(.damaged(offset: range.lowerBound))
    }
  }

  private func text(_ range: Range<Int>) throws -> String {
    guard range.count <= Self.longestText, let text = try file.text(range) else {
      throw error(.damaged(offset: range.lowerBound))
    }
    return text
  }

  private func readNote(_ range: Range<Int>) throws {
    var (key, note): (String?, String?)
    try fields(range) { field, value in
      switch (field, value) {
      case (1, .bytes(let range)): key = try self.text(range)
      case (2, .bytes(let range)): note = try self.text(range)
      default: break
      }
    }
    if let key, metadata.count < Self.mostNotes { metadata[key] = note ?? "" }
  }

  private func readConstant(_ range: Range<Int>) throws {
    var constant = Constant()
    func add(_ extents: [UInt64]) throws {
      for extent in extents {
        guard extent <= 1 << 40, constant.shape.count < Self.mostExtents else {
          throw error(.damaged(offset: range.lowerBound))
        }
        constant.shape.append(Int(extent))
      }
    }
    try fields(range) { field, value in
      switch (field, value) {
      case (1, .integer(let extent)): try add([extent])
      case (1, .bytes(let extents)):
        guard let extents = try self.file.integers(extents, most: Self.mostExtents) else {
          throw self.error(.damaged(offset: range.lowerBound))
        }
        try add(extents)
      case (2, .integer(let type)): constant.type = Int(clamping: type)
      case (8, .bytes(let name)): constant.name = try self.text(name)
      case (9, .bytes(let bytes)): constant.bytes = bytes
      default: break
      }
    }
    guard let name = constant.name else { return }
    guard constants.updateValue(constant, forKey: name) == nil else {
      throw error(.twice(name))
    }
  }

  private func node(_ range: Range<Int>) throws -> Node {
    var node = Node()
    try fields(range) { field, value in
      switch (field, value) {
      case (1, .bytes(let name)) where node.inputs.count < 3:
        node.inputs.append(try self.text(name))
      case (4, .bytes(let name)): node.operation = try self.text(name)
      case (5, .bytes(let attribute)):
        var (name, number): (String?, UInt64?)
        try self.fields(attribute) { field, value in
          switch (field, value) {
          case (1, .bytes(let range)): name = try self.text(range)
          case (3, .integer(let value)): number = value
          default: break
          }
        }
        let value = number.map { Int(truncatingIfNeeded: $0) }
        if name == "axis" { node.axis = value ?? 1 }
        if name == "block_size" { node.blockSize = value ?? 0 }
      default: break
      }
    }
    return node
  }

  private func addWeight(_ node: Node) {
    guard node.inputs.count >= 2, let codes = constants[node.inputs[0]],
      codes.type == ONNXGraph.Element.float4e2m1.rawValue
    else { return }
    let last = codes.shape.count - 1
    guard node.blockSize == BlockFormat.mxfp4.groupSize, node.axis == last || node.axis == -1
    else {
      faults.append(
        "'\(node.inputs[0])' has blocks of \(node.blockSize) along axis \(node.axis); MXFP4 has 32 along the last one"
      )
      return
    }
    add(node.inputs[0], node.inputs[1], codes, extents: codes.shape)
  }

  /// Bytes with a table, which this package's exports have for runtimes without FLOAT4E2M1.
  private func addTables() {
    guard constants["e2m1_values"] != nil else { return }
    for (name, codes) in constants.sorted(by: { $0.key < $1.key })
    where name.hasSuffix("_codes") && codes.type == ONNXGraph.Element.uint8.rawValue {
      guard codes.shape.count == 3, codes.shape[2] == PackedMatrix.blockSize(.mxfp4),
        codes.shape[1] <= 1 << 40
      else { continue }
      add(
        name, "\(name.dropLast(6))_scales", codes,
        extents: [codes.shape[0], codes.shape[1] * BlockFormat.mxfp4.groupSize])
    }
  }

  private func add(_ name: String, _ scalesName: String, _ codes: Constant, extents: [Int]) {
    guard let scales = constants[scalesName] else {
      faults.append("'\(name)' has no constant scales '\(scalesName)'")
      return
    }
    let elements = extents.reduce(1 as Int?) { product, extent in
      guard let (result, overflow) = product?.multipliedReportingOverflow(by: extent), !overflow
      else { return nil }
      return result
    }
    let hasNumbers = scales.type == ONNXGraph.Element.float.rawValue
    guard hasNumbers || scales.type == ONNXGraph.Element.float8e8m0.rawValue else {
      faults.append("'\(name)' is not MXFP4: its scales are of type \(scales.type)")
      return
    }
    guard let elements, elements > 0, let columns = extents.last, columns.isMultiple(of: 32),
      let codeBytes = codes.bytes, let scaleBytes = scales.bytes,
      codeBytes.count == elements / 2,
      scaleBytes.count == elements / 32 * (hasNumbers ? 4 : 1)
    else {
      faults.append(
        "'\(name)' \(codes.shape) and '\(scalesName)' \(scales.shape) do not go together, or have no bytes in the file"
      )
      return
    }
    (constants[name], constants[scalesName]) = (nil, nil)
    let ending = "_codes"
    weights.append(
      Weight(
        name: name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : name, shape: extents,
        codes: codeBytes, scales: scaleBytes, hasNumbers: hasNumbers))
  }
}

/// What can be wrong with an ONNX file.
package struct ONNXError: ReportableError, Equatable {
  /// The fault, with what was found.
  package enum Fault: Sendable, Equatable {
    /// A message that is cut off, or none.
    case damaged(offset: Int)
    /// The file has no graph.
    case noGraph
    /// Two constants have one name.
    case twice(String)
    /// A constant that holds no floating-point numbers in the file.
    case constant(String)
    /// A scale in single precision that is no power of two.
    case scale(weight: String, found: Float)
  }

  /// The file.
  package let path: String
  /// What is wrong with it.
  package let fault: Fault

  /// Bad data, always.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine("\(path): \(text)") }

  private var text: String {
    switch fault {
    case .damaged(let offset):
      "not an ONNX file, or a damaged or truncated one: no message at byte \(offset)"
    case .noGraph: "not an ONNX file: it has no graph"
    case .twice(let name): "ONNX, but its graph names the constant '\(name)' twice"
    case .constant(let name):
      "ONNX, but its constant '\(name)' holds no floating-point numbers in the file itself"
    case .scale(let weight, let found):
      "ONNX, but '\(weight)' has a scale of \(found), which is no power of two as in MXFP4"
    }
  }
}
