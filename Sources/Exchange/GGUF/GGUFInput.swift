import Files

/// Reads the header of a GGUF file from its first byte on, a few thousand at a time: whatever the header claims, no more
/// is in memory than what is asked for and is there.
final class GGUFInput {
  /// The file.
  let file: FileDescriptor
  /// Its bytes.
  let length: Int
  /// The next byte.
  private(set) var position = 0

  private var buffer: [UInt8] = []
  /// Where the buffer's first byte lies in the file.
  private var start = 0

  private static let bufferSize = 1 << 14

  /// - Throws: `FileError`.
  init(path: String) throws {
    file = try FileDescriptor(reading: path)
    length = try file.length()
  }

  /// Bytes that follow.
  var remaining: Int { length - position }

  /// The next bytes.
  ///
  /// - Parameter part: what they belong to, for messages.
  /// - Throws: `GGUFError.Fault.ends`, `FileError`.
  func bytes(_ count: Int, of part: String) throws -> ArraySlice<UInt8> {
    try skip(count, of: part)
    let from = position - count
    if from < start || position > start + buffer.count {
      start = from
      buffer = try bytes(at: from, count: min(max(count, Self.bufferSize), length - from))
      guard buffer.count >= count else { throw error(.ends(in: part)) }
    }
    return buffer[from - start..<position - start]
  }

  /// Passes over bytes.
  func skip(_ count: Int, of part: String) throws {
    guard count >= 0, count <= remaining else { throw error(.ends(in: part)) }
    position += count
  }

  /// The next number, its least significant byte first.
  func number<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self, of part: String
  ) throws -> Number {
    try bytes(MemoryLayout<Number>.size, of: part).reversed()
      .reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  /// How many things follow, each of which takes some bytes at least.
  func count(of things: String, size: Int) throws -> Int {
    let claimed: UInt64 = try number(of: "the number of its \(things)")
    let most = remaining / size
    guard claimed <= UInt64(most) else {
      throw error(.count(of: things, claimed: claimed, most: most))
    }
    return Int(claimed)
  }

  /// The next text, behind its length.
  func text(of part: String) throws -> String {
    let length: UInt64 = try number(of: part)
    guard let count = Int(exactly: length) else { throw error(.ends(in: part)) }
    let offset = position
    guard let text = String(validating: try bytes(count, of: part), as: UTF8.self) else {
      throw error(.text(offset: offset))
    }
    return text
  }

  /// Bytes anywhere in the file; fewer where it ends.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    if got < count { bytes.removeLast(count - got) }
    return bytes
  }

  /// A fault of the file.
  func error(_ fault: GGUFError.Fault) -> GGUFError { GGUFError(path: file.path, fault: fault) }
}
