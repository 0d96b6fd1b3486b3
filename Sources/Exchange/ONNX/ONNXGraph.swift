import Files
import MXFormats

/// A graph of ONNX operators that grows node by node (onnx.proto; operator set 24).
struct ONNXGraph {
  /// A value of the graph.
  struct Value {
    let name: String
  }

  /// An attribute of a node.
  enum Attribute {
    case integer(Int)
    case number(Float)
    case integers([Int])
    case string(String)
  }

  /// Numbers of element types.
  enum Element: Int {
    case float = 1
    case uint8 = 2
    case int32 = 6
    case int64 = 7
    case bfloat16 = 16
    case float4e2m1 = 23
    case float8e8m0 = 24
  }

  private(set) var message = ProtobufWriter()
  private var count = 0
  /// Constants that several nodes read, by what they hold.
  private var shapes: [[Int]: Value] = [:]

  init(name: String) { message.add(2, name) }

  /// Adds a node.
  mutating func node(
    _ op: String, _ inputs: [Value], _ attributes: [(String, Attribute)] = [], name: String? = nil
  ) -> Value {
    nodes(op, inputs, attributes, outputs: [name ?? "\(op)_\(count)"])[0]
  }

  /// Adds a node of several outputs.
  mutating func nodes(
    _ op: String, _ inputs: [Value], _ attributes: [(String, Attribute)] = [], outputs: [String]
  ) -> [Value] {
    var node = ProtobufWriter()
    for input in inputs { node.add(1, input.name) }
    for output in outputs { node.add(2, output) }
    node.add(3, "\(op)_\(count)")
    node.add(4, op)
    for (name, value) in attributes {
      var attribute = ProtobufWriter()
      attribute.add(1, name)
      switch value {
      case .number(let number):
        attribute.add(2, number)
        attribute.add(20, 1)
      case .integer(let number):
        attribute.add(3, number)
        attribute.add(20, 2)
      case .integers(let numbers):
        for number in numbers { attribute.add(8, number) }
        attribute.add(20, 7)
      case .string(let text):
        attribute.add(4, text)
        attribute.add(20, 3)
      }
      node.add(5, attribute)
    }
    message.add(1, node)
    count += 1
    return outputs.map(Value.init)
  }

  /// Adds a constant tensor, whose bytes lie in the file.
  mutating func constant(
    _ name: String, _ type: Element, shape: [Int], _ bytes: [UInt8]
  ) -> Value {
    var tensor = ProtobufWriter()
    for extent in shape { tensor.add(1, extent) }
    tensor.add(2, type.rawValue)
    tensor.add(8, name)
    tensor.add(9, bytes)
    message.add(5, tensor)
    return Value(name: name)
  }

  /// A list of integers, as shapes and indices are.
  mutating func integers(_ values: [Int], name: String? = nil) -> Value {
    if name == nil, let known = shapes[values] { return known }
    let constant = constant(
      name ?? "integers_\(shapes.count)", .int64, shape: [values.count],
      values.flatMap { littleEndian(Int64($0)) })
    if name == nil { shapes[values] = constant }
    return constant
  }

  /// Adds an input or an output: a matrix of numbers whose first extent is open.
  mutating func boundary(_ field: Int, _ name: String, shape: [Int]) {
    var extents = ProtobufWriter()
    var batch = ProtobufWriter()
    batch.add(2, "batch")
    extents.add(1, batch)
    for extent in shape {
      var dimension = ProtobufWriter()
      dimension.add(1, extent)
      extents.add(1, dimension)
    }
    var tensor = ProtobufWriter()
    tensor.add(1, Element.float.rawValue)
    tensor.add(2, extents)
    var type = ProtobufWriter()
    type.add(1, tensor)
    var value = ProtobufWriter()
    value.add(1, name)
    value.add(2, type)
    message.add(field, value)
  }
}
