import Files

/// What a GGUF header says of one tensor.
package struct GGUFEntry: Sendable {
  /// The tensor's name.
  package let name: String
  /// What it is stored as.
  package let type: GGMLType
  /// Its extents, slowest first: ggml has them the other way round.
  package let shape: [Int]
  /// Where its bytes lie, counted from the first tensor's; nil for types that are not read, whose size is not known.
  package let bytes: Range<Int>?
}

/// The header of a GGUF file, checked whole: magic, version, keys with their values, and a list of tensors.
///
/// Of the keys only those are kept that this package's exports have (`GGUFNotes`). Everything is little-endian.
/// Source: ggml's `docs/gguf.md`.
struct GGUFHeader {
  /// The notes of this package's exports, under the names that checkpoints give them.
  private(set) var metadata: [String: String] = [:]
  /// The tensors in the order of the list.
  private(set) var entries: [GGUFEntry] = []
  /// Where the tensors' bytes begin.
  private(set) var dataStart = 0
  /// Where the hash of the bytes stands that the file carries; nil where it carries none.
  private(set) var checksumPlace: Int?

  private let input: GGUFInput
  private var alignment = 32

  static let magic = Array("GGUF".utf8)
  static let mostExtents = 4
  static let largestAlignment = 1 << 20
  /// Bytes of the shortest key, and of the shortest entry of a tensor: of one extent, without a name.
  private static let (leastKey, leastTensor) = (13, 32)
  private static let mostNotes = 1024

  /// - Throws: `GGUFError`, `FileError`.
  init(_ input: GGUFInput) throws {
    self.input = input
    guard try Array(input.bytes(4, of: "its first four bytes")) == Self.magic else {
      throw input.error(.ends(in: "its first four bytes"))
    }
    let version: UInt32 = try input.number(of: "its version")
    let isSwapped = version > 0xFFFF && (1...0xFFFF).contains(version.byteSwapped)
    if isSwapped { throw input.error(.bigEndian) }
    guard (2...3).contains(version) else { throw input.error(.version(version)) }
    let tensors = try input.count(of: "tensors", size: Self.leastTensor)
    let keys = try input.count(of: "keys", size: Self.leastKey)
    try readKeys(keys)
    try readTensors(tensors)
    dataStart = (input.position + alignment - 1) / alignment * alignment
    try checkPlaces()
  }

  private mutating func readKeys(_ count: Int) throws {
    var names: Set<String> = []
    for _ in 0..<count {
      let key = try input.text(of: "its keys")
      guard names.insert(key).inserted else { throw input.error(.duplicate(name: key)) }
      let type: UInt32 = try input.number(of: "key '\(key)'")
      if key == "general.alignment" {
        try readAlignment(type)
      } else if let note = GGUFNotes.note(of: key) {
        guard type == GGUFType.text else {
          throw input.error(.note(key: key, expected: "a text"))
        }
        if note == SafetensorsFile.checksumKey { checksumPlace = input.position + 8 }
        metadata[note] = try input.text(of: "key '\(key)'")
        guard metadata.count <= Self.mostNotes else {
          throw input.error(
            .count(of: "notes", claimed: UInt64(metadata.count), most: Self.mostNotes))
        }
      } else {
        try skipValue(type, of: key)
      }
    }
  }

  private mutating func readAlignment(_ type: UInt32) throws {
    guard type == GGUFType.integer else {
      throw input.error(.note(key: "general.alignment", expected: "an integer of 32 bits"))
    }
    let found: UInt32 = try input.number(of: "general.alignment")
    guard found.nonzeroBitCount == 1, found <= Self.largestAlignment else {
      throw input.error(.alignment(UInt64(found)))
    }
    alignment = Int(found)
  }

  private func skipValue(_ type: UInt32, of key: String) throws {
    let part = "key '\(key)'"
    switch type {
    case GGUFType.text: try skipText(part)
    case GGUFType.list:
      let element: UInt32 = try input.number(of: part)
      if element == GGUFType.text {
        for _ in 0..<(try input.count(of: "texts", size: 8)) { try skipText(part) }
      } else {
        guard let size = GGUFType.size(element) else {
          throw input.error(.valueType(key: key, found: element))
        }
        try input.skip(size * input.count(of: "numbers", size: size), of: part)
      }
    default:
      guard let size = GGUFType.size(type) else {
        throw input.error(.valueType(key: key, found: type))
      }
      try input.skip(size, of: part)
    }
  }

  private func skipText(_ part: String) throws {
    let length: UInt64 = try input.number(of: part)
    try input.skip(Int(clamping: length), of: part)
  }

  private mutating func readTensors(_ count: Int) throws {
    var names: Set<String> = []
    for _ in 0..<count {
      let name = try input.text(of: "its list of tensors")
      guard names.insert(name).inserted else { throw input.error(.duplicate(name: name)) }
      entries.append(try readTensor(name))
    }
  }

  private func readTensor(_ name: String) throws -> GGUFEntry {
    let part = "the entry of tensor '\(name)'"
    let rank: UInt32 = try input.number(of: part)
    guard (1...UInt32(Self.mostExtents)).contains(rank) else {
      throw input.error(.extents(tensor: name, found: []))
    }
    let extents = try (0..<rank).map { _ in try input.number(UInt64.self, of: part) }
    // Their product is a number of elements that there can be.
    let elements = extents.reduce(1 as UInt64?) { product, extent in
      guard let product, extent > 0 else { return nil }
      let (result, overflow) = product.multipliedReportingOverflow(by: extent)
      return overflow || result > 1 << 56 ? nil : result
    }
    guard let elements else { throw input.error(.extents(tensor: name, found: extents)) }
    let type = GGMLType(number: try input.number(of: part))
    let offset: UInt64 = try input.number(of: part)
    guard offset.isMultiple(of: UInt64(alignment)) else {
      throw input.error(.boundary(tensor: name, offset: offset, alignment: alignment))
    }
    let shape = extents.reversed().map { Int($0) }
    var bytes: Range<Int>?
    if let block = type.block {
      guard shape[shape.count - 1].isMultiple(of: block.elements) else {
        throw input.error(.inputs(tensor: name, found: shape[shape.count - 1]))
      }
      let size = Int(elements) / block.elements * block.bytes
      guard offset <= UInt64(input.length), size <= input.length - Int(offset) else {
        throw input.error(
          .range(tensor: name, begin: offset, bytes: size, available: input.length))
      }
      bytes = Int(offset)..<Int(offset) + size
    }
    return GGUFEntry(name: name, type: type, shape: shape, bytes: bytes)
  }

  /// That all bytes are there, and no two tensors share some.
  private func checkPlaces() throws {
    let known = entries.filter { $0.bytes != nil }
      .sorted { $0.bytes!.lowerBound < $1.bytes!.lowerBound }
    let available = max(0, input.length - dataStart)
    for (index, entry) in known.enumerated() {
      let bytes = entry.bytes!
      guard bytes.upperBound <= available else {
        throw input.error(
          .range(
            tensor: entry.name, begin: UInt64(bytes.lowerBound), bytes: bytes.count,
            available: available))
      }
      if index > 0, known[index - 1].bytes!.upperBound > bytes.lowerBound {
        throw input.error(.overlap(first: known[index - 1].name, second: entry.name))
      }
    }
  }
}

/// The format's numbers of the types of values.
enum GGUFType {
  /// An integer of 32 bits, a number in single precision, a text, a list.
  static let (integer, number, text, list): (UInt32, UInt32, UInt32, UInt32) = (4, 6, 8, 9)

  /// The bytes of a plain value; nil for texts, lists and what is none.
  static func size(_ type: UInt32) -> Int? {
    switch type {
    case 0, 1, 7: 1
    case 2, 3: 2
    case 4, 5, 6: 4
    case 10, 11, 12: 8
    default: nil
    }
  }
}

/// What the notes of checkpoints are called in GGUF, where keys have the name of their owner before them.
enum GGUFNotes {
  private static let prefix = "tetrajet."
  /// Notes whose name begins so already.
  private static let own: Set = ["tetrajet.version", SafetensorsFile.checksumKey]

  /// The key of a note.
  static func key(of note: String) -> String { own.contains(note) ? note : prefix + note }

  /// The note that a key stands for; nil for others' keys.
  static func note(of key: String) -> String? {
    guard key.hasPrefix(prefix) else { return nil }
    return own.contains(key) ? key : String(key.dropFirst(prefix.count))
  }
}
