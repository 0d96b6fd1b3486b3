import Files
import Foundation
import TestSupport
import Testing

@Suite("Safetensors with a checksum")
struct ChecksumTests {
  private func write(_ path: String, place: ((String) throws -> Void)? = nil) throws {
    try writeSafetensors(
      path,
      tensors: [.floats("w", shape: [5], [1, 2, 3, 4, 5]), .bytes("b", shape: [3], [7, 8, 9])],
      // Zeros that are not the checksum's.
      metadata: ["a": String(repeating: "0", count: 64), "z": "\"tetrajet.sha256\":\""],
      checksum: true, place: place)
  }

  @Test("a change of any bit of any byte is noticed")
  func everyByte() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try write(path)
      try SafetensorsFile(path: path).verifyChecksum()
      let bytes = try readFile(path)
      for index in bytes.indices {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(index % 8)
        try Data(damaged).write(to: URL(fileURLWithPath: path))
        do {
          let file = try SafetensorsFile(path: path)
          try file.verifyChecksum()
          // Without its name a hash is none; readers who need one must ask.
          #expect(!file.hasChecksum, "byte \(index)")
        } catch { #expect(error is SafetensorsError, "byte \(index): \(error)") }
      }
    }
  }

  @Test("equal content gives equal bytes, and the hash is that of the file with zeros in its place")
  func definition() throws {
    try withTemporaryFolder { folder in
      for name in ["one", "two"] { try write("\(folder)/\(name)") }
      let bytes = try readFile("\(folder)/one")
      #expect(bytes == (try readFile("\(folder)/two")))
      let hash = try #require(
        try SafetensorsFile(path: "\(folder)/one").metadata["tetrajet.sha256"])
      let place = try #require(bytes.firstRange(of: Array(hash.utf8)))
      var blank = bytes
      blank.replaceSubrange(place, with: [UInt8](repeating: UInt8(ascii: "0"), count: 64))
      #expect(blank.withUnsafeBytes { SHA256.digits(of: $0) } == hash)
    }
  }

  @Test("a file that carries no hash passes")
  func without() throws {
    try withTemporaryFolder { folder in
      try writeSafetensors("\(folder)/file", tensors: [.bytes("b", shape: [1], [7])])
      try SafetensorsFile(path: "\(folder)/file").verifyChecksum()
    }
  }

  @Test(
    "where a finished file cannot take its place, the old one stands and nothing lies beside it")
  func place() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file"
      try write(path)
      let before = try readFile(path)
      #expect(throws: FileError.self) {
        try write(path) { _ in throw FileError("write", path, code: ENOSPC) }
      }
      #expect(try readFile(path) == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }
  }

  @Test("what killed writers left is removed, and nothing else")
  func partialFiles() throws {
    try withTemporaryFolder { folder in
      let names = [
        "file", "file.12.partial", "file.9.partial", "file.x.partial", "other.1.partial",
      ]
      for name in names { try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
      removePartialFiles(of: "\(folder)/file")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
          == ["file", "file.x.partial", "other.1.partial"])
    }
  }
}
