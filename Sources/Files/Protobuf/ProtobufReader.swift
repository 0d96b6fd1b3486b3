/// Reads the fields of a protobuf message one after the other; knows no schema.
package struct ProtobufReader {
  /// The value of a field, as its kind on the wire tells it.
  package enum Value: Equatable {
    /// A varint.
    case integer(UInt64)
    /// Eight bytes: a double's pattern, where the field is one.
    case eightBytes(UInt64)
    /// Four bytes: a float's pattern, where the field is one.
    case fourBytes(UInt32)
    /// A string, a message, or packed numbers.
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  /// A reader at the first field of a message.
  package init(_ message: ArraySlice<UInt8>) { rest = message }

  /// The next field; nil at the end, and where the message is cut off or has a kind that is none.
  package mutating func next() -> (field: Int, value: Value)? {
    guard let key = varint() else { return nil }
    return value(kind: key & 7).map { (Int(key >> 3), $0) }
  }

  private mutating func value(kind: UInt64) -> Value? {
    switch kind {
    case 0: varint().map { .integer($0) }
    case 1: take(8).map { .eightBytes(Self.number($0)) }
    case 2: varint().flatMap { Int(exactly: $0) }.flatMap { take($0) }.map { .bytes($0) }
    case 5: take(4).map { .fourBytes(UInt32(Self.number($0))) }
    default: nil
    }
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    return nil
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
