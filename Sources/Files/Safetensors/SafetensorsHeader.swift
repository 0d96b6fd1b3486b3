/// Reads the JSON of a safetensors header: one object of tensors and one of metadata strings, nothing
/// else.
///
/// Foundation's parser is not used because it silently keeps one of two equal keys and turns large
/// integers into doubles, which are two of the ways a header can lie. The grammar has a fixed depth, so
/// no input can exhaust the stack.
struct SafetensorsHeader {
  struct Entry {
    let name: String
    let type: String
    let shape: [Int]
    let begin: Int
    let end: Int
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  private let bytes: [UInt8]
  private let path: String
  private var position = 0

  /// The most extents of a tensor and the most notes: a file could have as many as it has bytes, and
  /// each would take some thirty times as many in memory.
  private static let mostExtents = 64
  private static let mostNotes = 1024
  /// The header's first byte is byte 8 of the file.
  private static let start = 8

  init(_ bytes: [UInt8], path: String) throws {
    self.bytes = bytes
    self.path = path
    var names = Set<String>()
    try members { header, name in
      guard names.insert(name).inserted else { throw header.error(.duplicate(name: name)) }
      if name == "__metadata__" {
        // Some writers say so where they have no notes.
        if try !header.skipNull() { try header.readMetadata() }
      } else {
        header.entries.append(try header.readEntry(name))
      }
    }
    skipSpace()
    guard position == bytes.count else { throw syntax("nothing after the closing brace") }
  }

  private mutating func readMetadata() throws {
    try members { header, key in
      guard header.metadata.updateValue(try header.string(), forKey: key) == nil else {
        throw header.error(.duplicate(name: key))
      }
      guard header.metadata.count <= Self.mostNotes else {
        throw header.syntax("at most \(Self.mostNotes) metadata entries")
      }
    }
  }

  private mutating func readEntry(_ name: String) throws -> Entry {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try members { header, key in
      switch key {
      case "dtype" where type == nil: type = try header.string()
      case "shape" where shape == nil: shape = try header.integers()
      case "data_offsets" where offsets == nil: offsets = try header.integers()
      case "dtype", "shape", "data_offsets": throw header.error(.duplicate(name: "\(name).\(key)"))
      // What later versions of the format may say of a tensor; the reference reader passes over it too.
      default: try header.skipValue(depth: 0)
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw syntax("dtype, shape and two data_offsets for tensor '\(name)'")
    }
    return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
  }

  // MARK: - What nobody reads

  /// How deep values may be nested that nobody reads, so that none exhausts the stack.
  private static let deepest = 16

  private mutating func skipNull() throws -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: "n") else { return false }
    try skipWord()
    return true
  }

  /// Passes over any JSON value.
  private mutating func skipValue(depth: Int) throws {
    guard depth < Self.deepest else { throw syntax("at most \(Self.deepest) values in each other") }
    skipSpace()
    guard position < bytes.count else { throw syntax("a value") }
    switch bytes[position] {
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "{"): try members { header, _ in try header.skipValue(depth: depth + 1) }
    case UInt8(ascii: "["):
      try list(open: "[", close: "]") { try $0.skipValue(depth: depth + 1) }
    default: try skipWord()
    }
  }

  /// Passes over null, true, false or a number.
  private mutating func skipWord() throws {
    let start = position
    while position < bytes.count, Self.wordBytes.contains(bytes[position]) { position += 1 }
    let word = String(decoding: bytes[start..<position], as: UTF8.self)
    guard ["null", "true", "false"].contains(word) || Double(word) != nil else {
      position = start
      throw syntax("a value")
    }
  }

  /// What numbers and the three words are written with; Double reads hexadecimal and "nan" too, which JSON has not.
  private static let wordBytes = Set("0123456789+-.eEnultrfas".utf8)

  // MARK: - Tokens

  private mutating func members(
    _ read: (inout SafetensorsHeader, _ key: String) throws -> Void
  ) throws {
    try list(open: "{", close: "}") { header in
      let key = try header.string()
      try header.expect(":")
      try read(&header, key)
    }
  }

  private mutating func integers() throws -> [Int] {
    var result: [Int] = []
    try list(open: "[", close: "]") {
      result.append(try $0.integer())
      guard result.count <= Self.mostExtents else {
        throw $0.syntax("at most \(Self.mostExtents) numbers")
      }
    }
    return result
  }

  private mutating func list(
    open: Unicode.Scalar, close: Unicode.Scalar, _ item: (inout SafetensorsHeader) throws -> Void
  ) throws {
    try expect(open)
    if take(close) { return }
    repeat { try item(&self) } while take(",")
    try expect(close)
  }

  private mutating func integer() throws -> Int {
    skipSpace()
    var value = 0
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
    {
      let (tens, first) = value.multipliedReportingOverflow(by: 10)
      let (sum, second) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
      guard !first, !second else { throw syntax("an integer below 2^63") }
      value = sum
      position += 1
    }
    guard position > start else { throw syntax("a non-negative integer") }
    return value
  }

  private mutating func string() throws -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw syntax("UTF-8") }
        return string
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20: throw syntax("no control character in a string")
      default: text.append(byte)
      }
    }
    throw syntax("a closing quotation mark")
  }

  private mutating func escape() throws -> [UInt8] {
    guard position < bytes.count else { throw syntax("a character after the backslash") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"): return try codePoint()
    default: throw syntax("a JSON escape")
    }
  }

  private mutating func codePoint() throws -> [UInt8] {
    var value = try hexadecimal()
    if (0xD800..<0xDC00).contains(value), take("\\"), take("u") {
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw syntax("the second half of a pair") }
      value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(value) else { throw syntax("a Unicode code point") }
    return Array(String(scalar).utf8)
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard position + 4 <= bytes.count,
      let digits = String(validating: bytes[position..<position + 4], as: UTF8.self),
      digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16)
    else { throw syntax("four hexadecimal digits") }
    position += 4
    return value
  }

  private mutating func expect(_ scalar: Unicode.Scalar) throws {
    guard take(scalar) else { throw syntax("'\(scalar)'") }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: scalar) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  private func syntax(_ expected: String) -> SafetensorsError {
    error(.syntax(offset: Self.start + position, expected: expected))
  }

  private func error(_ fault: SafetensorsError.Fault) -> SafetensorsError {
    SafetensorsError(path: path, fault: fault)
  }
}
