import Files

/// Bytes of a GGUF header: numbers little-endian, strings behind their length.
struct GGUFBytes {
  private(set) var bytes: [UInt8]

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  /// What a key can have.
  enum Value {
    case integer(UInt32)
    case number(Float)
    case string(String)
    case numbers([Float])
    case strings([String])

    /// The format's number of a type.
    fileprivate var type: UInt32 {
      switch self {
      case .integer: 4
      case .number: 6
      case .string: 8
      case .numbers, .strings: 9
      }
    }
  }

  mutating func add(ascii text: String) { bytes += Array(text.utf8) }

  mutating func add(_ number: some FixedWidthInteger) {
    bytes += littleEndian(number)
  }

  mutating func add(_ text: String) {
    add(UInt64(text.utf8.count))
    add(ascii: text)
  }

  /// A key with its value.
  mutating func add(_ key: String, _ value: Value) {
    add(key)
    add(value.type)
    switch value {
    case .integer(let number): add(number)
    case .number(let number): add(number.bitPattern)
    case .string(let text): add(text)
    case .numbers(let numbers):
      add(Value.number(0).type)
      add(UInt64(numbers.count))
      for number in numbers { add(number.bitPattern) }
    case .strings(let texts):
      add(Value.string("").type)
      add(UInt64(texts.count))
      for text in texts { add(text) }
    }
  }

  /// Zeros up to a multiple of `alignment`.
  mutating func pad(to alignment: Int) {
    bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
  }
}
