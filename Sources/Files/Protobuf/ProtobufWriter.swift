/// Writes the fields of a protobuf message, as far as events and ONNX need it (the wire format:
/// protobuf.dev/programming-guides/encoding).
///
/// A field is a varint `number << 3 | kind` and a value: kind 0 a varint, 1 eight bytes, 2 a length
/// and so many bytes, 5 four bytes. Fields stand in the order in which they are added; every field
/// that is added is written, also a zero.
package struct ProtobufWriter {
  /// The message so far.
  package private(set) var bytes: [UInt8] = []

  /// An empty message.
  package init() {}

  /// Adds an integer as a varint; a negative one takes ten bytes.
  package mutating func add(_ field: Int, _ value: Int) {
    key(field, kind: 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// Adds a number in double precision.
  package mutating func add(_ field: Int, _ value: Double) {
    key(field, kind: 1)
    bytes += littleEndian(value.bitPattern)
  }

  /// Adds a number in single precision.
  package mutating func add(_ field: Int, _ value: Float) {
    key(field, kind: 5)
    bytes += littleEndian(value.bitPattern)
  }

  /// Adds a string in UTF-8.
  package mutating func add(_ field: Int, _ value: String) { add(field, Array(value.utf8)) }

  /// Adds a message.
  package mutating func add(_ field: Int, _ message: ProtobufWriter) { add(field, message.bytes) }

  /// Adds a repeated field of doubles, packed.
  package mutating func add(_ field: Int, _ values: [Double]) {
    add(field, values.flatMap { littleEndian($0.bitPattern) })
  }

  /// Adds bytes.
  package mutating func add(_ field: Int, _ content: [UInt8]) {
    key(field, kind: 2)
    varint(UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: Int, kind: Int) { varint(UInt64(field << 3 | kind)) }

  /// Seven bits a byte, the lowest first; the eighth bit says that more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
