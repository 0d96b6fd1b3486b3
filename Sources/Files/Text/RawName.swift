/// File names as strings, those too whose bytes are no UTF-8: systems with Latin-1 or Shift JIS left them on many disks.
///
/// A byte that is part of no character stands as the scalar U+10FF00 + byte, at the end of the private planes, where no
/// text has anything; the bytes of such a scalar that stands in a name all the same are written likewise. So each name
/// has one string, and each such string one name.
package enum RawName {
  private static let base: UInt32 = 0x10FF00
  private static let marks = base + 0x80...base + 0xFF

  /// The string of a name's bytes.
  package static func string(_ bytes: some Collection<UInt8>) -> String {
    if let text = String(validating: bytes, as: UTF8.self), !isMarked(text) { return text }
    var result = String.UnicodeScalarView()
    let bytes = Array(bytes)
    var position = 0
    while position < bytes.count {
      let length = characterLength(bytes[position])
      let end = min(position + length, bytes.count)
      if let text = String(validating: bytes[position..<end], as: UTF8.self), !isMarked(text) {
        result.append(contentsOf: text.unicodeScalars)
        position = end
      } else {
        // Not ASCII, or it would be a character.
        result.append(Unicode.Scalar(base + UInt32(bytes[position])) ?? "?")
        position += 1
      }
    }
    return String(result)
  }

  /// The bytes of a name or path as the system knows it.
  package static func bytes(_ name: String) -> [UInt8] {
    guard isMarked(name) else { return Array(name.utf8) }
    return name.unicodeScalars.flatMap { scalar in
      marks.contains(scalar.value)
        ? [UInt8(scalar.value - base)] : Array(String(Character(scalar)).utf8)
    }
  }

  /// Calls `body` with a path as system calls take it.
  package static func withPath<Result>(
    _ path: String, _ body: (UnsafePointer<CChar>) throws -> Result
  ) rethrows -> Result {
    // What stands behind a zero byte would be lost, as it is with any string given to C.
    try (bytes(path) + [0]).withUnsafeBufferPointer { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { try body($0.baseAddress!) }
    }
  }

  /// A name for people: its bytes as Latin-1 where they are no UTF-8, which is most often what they are.
  package static func text(_ name: String) -> String {
    guard isMarked(name) else { return name }
    return String(String.UnicodeScalarView(bytes(name).map { Unicode.Scalar($0) }))
  }

  /// A name for messages, from which the file can be found: bytes that are no UTF-8 as \xE9.
  package static func shown(_ name: String) -> String {
    guard isMarked(name) else { return name }
    return name.unicodeScalars.map { escaped($0) ?? String($0) }.joined()
  }

  /// How a scalar that stands for a byte is written in messages; nil for all others.
  static func escaped(_ scalar: Unicode.Scalar) -> String? {
    marks.contains(scalar.value)
      ? "\\x" + String(scalar.value - base, radix: 16, uppercase: true) : nil
  }

  private static func isMarked(_ text: String) -> Bool {
    // All of them start with this byte, and next to nothing else does.
    text.utf8.contains(0xF4) && text.unicodeScalars.contains { marks.contains($0.value) }
  }

  /// How many bytes a character has that starts with this one.
  private static func characterLength(_ first: UInt8) -> Int {
    switch first {
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: 1
    }
  }
}
