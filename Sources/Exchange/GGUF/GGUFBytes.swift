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
      case .integer: GGUFType.integer
      case .number: GGUFType.number
      case .string: GGUFType.text
      case .numbers, .strings: GGUFType.list
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

  /// Gives a key another text of the same length.
  mutating func replace(_ key: String, _ text: String, by other: String) {
    precondition(text.utf8.count == other.utf8.count, "texts of two lengths")
    var pair = GGUFBytes()
    pair.add(key, .string(text))
    if let end = bytes.firstRange(of: pair.bytes)?.upperBound {
      bytes.replaceSubrange(end - text.utf8.count..<end, with: other.utf8)
    }
  }

  /// Zeros up to a multiple of `alignment`.
  mutating func pad(to alignment: Int) {
    bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
  }
}
