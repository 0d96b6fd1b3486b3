import Files
import Foundation
import Testing

/// What a test reads of a GGUF file.
struct GGUFReading {
  struct Tensor { let type: Int, shape: [Int], offset: Int }

  let version: Int
  private(set) var strings: [String: String] = [:]
  private(set) var tensors: [String: Tensor] = [:]
  private let content: [UInt8]
  private var place = 4
  private var data = 0

  init(path: String) throws {
    content = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    try #require(content.prefix(4) == [71, 71, 85, 70])
    version = Int(content[4])
    place = 8
    let (count, pairs) = (number(8), number(8))
    for _ in 0..<pairs {
      let key = text()
      switch number(4) {
      case 4, 6: place += 4
      case 8: strings[key] = text()
      case 9:
        let (type, length) = (number(4), number(8))
        for _ in 0..<length { if type == 8 { _ = text() } else { place += 4 } }
      case let type: Issue.record("a value of type \(type)")
      }
    }
    for _ in 0..<count {
      let name = text()
      let extents = number(4)
      let shape = (0..<extents).map { _ in number(8) }
      tensors[name] = Tensor(type: number(4), shape: shape, offset: number(8))
    }
    data = (place + 31) / 32 * 32
    #expect(content.count % 32 == 0)
  }

  /// How many bytes the tensors' part has.
  var dataCount: Int { content.count - data }

  /// Bytes of the tensors' part.
  func bytes(_ offset: Int, count: Int) -> [UInt8] {
    Array(content[data + offset..<data + offset + count])
  }

  private mutating func number(_ size: Int) -> Int {
    defer { place += size }
    return content[place..<place + size].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private mutating func text() -> String {
    let length = number(8)
    defer { place += length }
    return String(decoding: content[place..<place + length], as: UTF8.self)
  }
}

/// What a test reads of an ONNX file.
struct ONNXReading {
  struct Constant { var type = 0, shape: [Int] = [], bytes: [UInt8] = [] }

  private(set) var constants: [String: Constant] = [:]
  private(set) var operators: [String: Int] = [:]
  private(set) var inputs: [String] = []
  private(set) var outputs: [String] = []

  init(path: String) throws {
    let content = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    for (field, value) in fields(content[...]) where field == 7 {
      guard case .bytes(let graph) = value else { continue }
      read(graph)
    }
  }

  private mutating func read(_ graph: ArraySlice<UInt8>) {
    for case (let field, .bytes(let message)) in fields(graph) {
      switch field {
      case 1: operators[text(4, of: message) ?? "", default: 0] += 1
      case 5: constants[text(8, of: message) ?? ""] = constant(message)
      case 11: inputs.append(text(1, of: message) ?? "")
      case 12: outputs.append(text(1, of: message) ?? "")
      default: break
      }
    }
  }

  private func constant(_ message: ArraySlice<UInt8>) -> Constant {
    var constant = Constant()
    for (field, value) in fields(message) {
      switch (field, value) {
      case (1, .integer(let extent)): constant.shape.append(Int(extent))
      case (2, .integer(let type)): constant.type = Int(type)
      case (9, .bytes(let bytes)): constant.bytes = Array(bytes)
      default: break
      }
    }
    return constant
  }

  private func text(_ field: Int, of message: ArraySlice<UInt8>) -> String? {
    for case (field, .bytes(let bytes)) in fields(message) {
      return String(decoding: bytes, as: UTF8.self)
    }
    return nil
  }

  private func fields(_ message: ArraySlice<UInt8>) -> [(Int, ProtobufReader.Value)] {
    var (reader, fields) = (ProtobufReader(message), [(Int, ProtobufReader.Value)]())
    while let next = reader.next() { fields.append((next.field, next.value)) }
    return fields
  }
}
