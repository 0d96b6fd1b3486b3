import Files
import Foundation
import Fuzzing
import ImageData
import MXRuntime
import Testing

@Suite("Tar archives")
struct TarArchiveTests {
  private let folder: TemporaryFolder
  private let longName = String(repeating: "deep/", count: 40) + "é.png"

  #if os(macOS)
    private static let systemFormats = ["ustar", "gnutar", "pax"]
  #else
    private static let systemFormats = ["ustar", "gnu", "pax"]
  #endif

  init() throws { folder = try TemporaryFolder() }

  /// Names and contents of an archive's files.
  private func files(_ bytes: [UInt8]) throws -> [String: [UInt8]] {
    let archive = try TarArchive(folder.write("a.tar", bytes))
    let pairs = try archive.entries().map { ($0.name, try archive.read($0)) }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  private func fault(_ bytes: [UInt8]) throws -> (fault: ArchiveFault, offset: Int)? {
    let error = #expect(throws: DatasetError.self) { try files(bytes) }
    #expect(error?.path == "\(folder.path)/a.tar")
    let text = error?.description ?? ""
    #expect(text.contains("at byte ") && text.contains("expected") && !text.contains("\n"))
    guard case .archive(let fault, let offset) = error?.fault else { return nil }
    return (fault, offset)
  }

  @Test("files are found with prefixes, long names of GNU and pax, and sizes in binary and in pax")
  func formats() throws {
    var writer = TarWriter()
    writer.addPax([("comment", "of all"), ("path", "not/this")], kind: "g")
    writer.add("x.png", [1, 2, 3], prefix: "a/b")
    writer.add("old.png", [4], prefix: "no prefix here", magic: "ustar  \u{0}")
    writer.addLong(longName, [5, 6])
    writer.add("after.png", [7])
    writer.addPax([("mtime", "1.5"), ("path", "pax/\(longName)"), ("size", "600")])
    writer.add("short.png", [UInt8](repeating: 8, count: 600), size: 0)
    writer.addBinary("binary.png", [9, 9])
    writer.add("empty.png")
    let found = try files(writer.archive)
    #expect(found["a/b/x.png"] == [1, 2, 3])
    #expect(found["old.png"] == [4] && found["after.png"] == [7])
    #expect(found[longName] == [5, 6])
    #expect(found["pax/\(longName)"] == [UInt8](repeating: 8, count: 600))
    #expect(found["binary.png"] == [9, 9] && found["empty.png"] == [])
    #expect(found.count == 7)
  }

  @Test("folders, links, devices and pipes are passed over, whatever size they claim")
  func otherKinds() throws {
    var writer = TarWriter()
    for kind in "123456" { writer.add("other\(kind)", kind: kind, size: 99_999) }
    writer.add("v7folder/", kind: "\u{0}", magic: "")
    writer.add("v7file", [1], kind: "\u{0}", magic: "")
    writer.add("contiguous", [2], kind: "7")
    writer.add("long link", Array("target".utf8), kind: "K")
    writer.add("last", [3])
    #expect(try files(writer.archive) == ["v7file": [1], "contiguous": [2], "last": [3]])
  }

  @Test("a hard link is one more name of a file that lies before it; without that it is nothing")
  func hardLinks() throws {
    var writer = TarWriter()
    writer.add("early", kind: "1", link: "a/x")
    writer.add("a/x", [1, 2])
    writer.add("b/y", kind: "1", link: "./a/x", size: 99_999)
    writer.addPax([("linkpath", "b/y")])
    writer.add("c/z", kind: "1", link: "cut off")
    writer.add("long link", Array("d/w\u{0}".utf8), kind: "K")
    writer.add("late", kind: "1")
    writer.add("d/w", [3])
    writer.add("long link", Array("d/w\u{0}".utf8), kind: "K")
    writer.add("e", kind: "1", link: "cut off")
    #expect(
      try files(writer.archive)
        == ["a/x": [1, 2], "b/y": [1, 2], "c/z": [1, 2], "d/w": [3], "e": [3]])
  }

  @Test("names lose what leads nowhere or out, and of a name that comes twice the last one counts")
  func names() throws {
    let found = try files(
      tar([
        ("./a//b/./c", [1]), ("/root/x", [2]), ("../../etc/passwd", [3]), ("a/../../d/e", [4]),
        ("./", [5]), ("root/x", [6]),
      ]))
    #expect(found == ["a/b/c": [1], "root/x": [6], "etc/passwd": [3], "d/e": [4]])
    // Latin-1, as old archives have it: two names stay two.
    #expect(TarEntry.normalized([0x2F, 0x61, 0xE9]) == "aé")
    #expect(TarEntry.normalized([0x61, 0xE8]) == "aè")
  }

  @Test("an archive cut off anywhere is an error that names the byte, but for its last block")
  func truncated() throws {
    let whole = tar([("a", [1, 2, 3]), ("b", [UInt8](repeating: 7, count: 700))])
    // Headers at 0 and 1024, contents at 512 and 1536, the end mark at 2560.
    #expect(whole.count == 3584)
    for (length, offset) in [
      (0, 0), (511, 0), (1024, 1024), (1535, 1024), (2560, 2560), (2600, 2560),
    ] {
      let found = try fault(Array(whole.prefix(length)))
      #expect(found?.fault == .noEnd && found?.offset == offset, "\(length) bytes")
    }
    for length in [512, 514] {
      let found = try fault(Array(whole.prefix(length)))
      #expect(found?.fault == .truncated(size: 3, end: length) && found?.offset == 0)
    }
    let found = try fault(Array(whole.prefix(2235)))
    #expect(found?.fault == .truncated(size: 700, end: 2235) && found?.offset == 1024)
    #expect(try files(Array(whole.prefix(3072))).count == 2)
  }

  @Test("a size larger than the archive is an error before a byte is set aside for it")
  func lyingSizes() throws {
    var octal = TarWriter()
    octal.add("x", [1], size: 0o77777777777)
    #expect(
      try fault(octal.archive)?.fault == .truncated(size: 0o77777777777, end: octal.archive.count))
    let most = [0x80, 0, 0, 0, 0x7F] + [UInt8](repeating: 0xFF, count: 7)
    var binary = TarWriter()
    binary.addBinary("x", [1], size: most)
    #expect(try fault(binary.archive)?.fault == .truncated(size: .max, end: binary.archive.count))
    var pax = TarWriter()
    pax.addPax([("size", "\(Int.max)")])
    pax.add("x", [1])
    let found = try fault(pax.archive)
    #expect(found?.fault == .truncated(size: .max, end: pax.archive.count) && found?.offset == 1024)
  }

  @Test("sizes that are no numbers are errors: negative, too large for any integer, other text")
  func badSizes() throws {
    let fields: [[UInt8]] = [
      [UInt8](repeating: 0xFF, count: 12), [0x80, 1] + [UInt8](repeating: 0, count: 10),
      Array("00000000009\0".utf8), Array("-0000000001\0".utf8),
    ]
    for field in fields {
      var writer = TarWriter()
      writer.addBinary("x", [1], size: field)
      #expect(try fault(writer.archive)?.fault == .size(field))
    }
  }

  @Test("a header with a byte changed is an error at its place, and so is what is no archive")
  func checksum() throws {
    let whole = tar([("a", [1]), ("b", [2])])
    for byte in [1024, 1100, 1150, 1500] {
      var damaged = whole
      damaged[byte] ^= 1
      let found = try fault(damaged)
      #expect(found?.fault == .checksum && found?.offset == 1024, "byte \(byte)")
    }
    let text = Array(String(repeating: "just a text", count: 100).utf8)
    let found = try fault(text)
    #expect(found?.fault == .checksum && found?.offset == 0)
  }

  @Test("damaged pax headers, names of megabytes and files with holes are errors")
  func oddHeaders() throws {
    for text in [
      "x path=a\n", "8 path=a\n", "999 path=a\n", "0 path=a\n", "10 path=abc", "5 a\n\n",
    ] {
      var writer = TarWriter()
      writer.add("PaxHeader", Array(text.utf8), kind: "x")
      writer.add("a", [1])
      #expect(try fault(writer.archive)?.fault == .extendedHeader, "\(text)")
    }
    var negative = TarWriter()
    negative.addPax([("size", "-1")])
    negative.add("a", [1])
    #expect(try fault(negative.archive)?.fault == .extendedHeader)

    var long = TarWriter()
    long.add("././@LongLink", [UInt8](repeating: 65, count: 1 << 20 + 1), kind: "L")
    #expect(try fault(long.archive)?.fault == .longHeader(size: 1 << 20 + 1))

    var sparse = TarWriter()
    sparse.add("holes", [1], kind: "S")
    #expect(try fault(sparse.archive)?.fault == .sparse)
    var pax = TarWriter()
    pax.addPax([("GNU.sparse.major", "1")])
    pax.add("holes", [1])
    #expect(try fault(pax.archive)?.fault == .sparse)
  }

  @Test("archives with random damage are read or are typed errors")
  func damage() throws {
    var writer = TarWriter()
    writer.addPax([("path", longName), ("size", "3")])
    writer.add("a", [1, 2, 3])
    writer.addLong(longName, [1])
    writer.addBinary("b", [2])
    let whole = writer.archive
    let seed: UInt64 = 91
    var read = 0
    for item in 0..<400 {
      var random = RandomStream(seed: seed, purpose: .benchmark).sequence(item: item)
      var bytes = whole
      for _ in 0...random.integer(below: 3) {
        bytes[random.integer(below: bytes.count)] = UInt8(truncatingIfNeeded: random.nextBits())
      }
      // Right checksums let damage reach what lies behind them.
      if item % 2 == 0 { bytes = TarWriter.withChecksums(bytes) }
      do {
        _ = try files(bytes)
        read += 1
      } catch {
        #expect(error is DatasetError, "case \(item) of seed \(seed): \(error)")
      }
    }
    #expect(read > 0 && read < 400)
  }

  @Test("an archive in an archive is read where it lies, and its end is where it ends")
  func nested() throws {
    let inner = tar([("x/1", [1]), ("2", [2])])
    let archive = try TarArchive(folder.write("a.tar", tar([("0", [9]), ("in.tar", inner)])))
    let entries = try archive.entries(inside: archive.entries()[1])
    #expect(entries.map(\.name) == ["in.tar/x/1", "in.tar/2"])
    #expect(try entries.map(archive.read) == [[1], [2]])
    let cut = try TarArchive(
      folder.write("b.tar", tar([("in.tar", Array(inner.prefix(1024))), ("1", [1])])))
    let error = #expect(throws: DatasetError.self) {
      try cut.entries(inside: cut.entries()[0])
    }
    #expect(error?.path == "\(folder.path)/b.tar: in.tar")
    #expect(error?.fault == .archive(.noEnd, offset: 512 + 1024))
  }

  @Test("an archive that became shorter after it was opened is an error")
  func shrunk() throws {
    for keepsOpen in [true, false] {
      let path = try folder.write("a.tar", tar([("a", [1, 2, 3])]))
      let archive = try TarArchive(path, keepsOpen: keepsOpen)
      let entry = try #require(try archive.entries().first)
      #expect(try archive.read(entry) == [1, 2, 3])
      #expect(truncate(path, 514) == 0)
      let error = #expect(throws: DatasetError.self) { try archive.read(entry) }
      #expect(error?.fault == .archive(.truncated(size: 3, end: 514), offset: 512))
      try folder.remove("a.tar")
      if !keepsOpen { #expect(throws: FileError.self) { try archive.read(entry) } }
    }
  }

  @Test(
    "archives of the system's tar are read, in its formats",
    .enabled(
      if: FileManager.default.fileExists(atPath: "/usr/bin/tar"), "there is no /usr/bin/tar"),
    arguments: systemFormats)
  func systemTar(format: String) throws {
    // Within ustar's 155 and 100 bytes, and beyond.
    let deep = String(repeating: "folder/", count: format == "ustar" ? 20 : 60)
    let names = ["train/a/1.png", "\(deep)x.png", "train/é ü/2.png"]
    for (index, name) in names.enumerated() {
      try folder.write("in/\(name)", [UInt8](repeating: UInt8(index), count: 700 * index))
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/tar")
    process.arguments = [
      "--format=\(format)", "-cf", "\(folder.path)/a.tar", "-C", "\(folder.path)/in", ".",
    ]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let archive = try TarArchive("\(folder.path)/a.tar")
    // macOS may add files "._x" of its own.
    let entries = try archive.entries().filter { !$0.name.contains("._") }
    #expect(Set(entries.map(\.name)) == Set(names))
    for (index, name) in names.enumerated() {
      let entry = try #require(entries.first { $0.name == name })
      let isSame = try archive.read(entry) == [UInt8](repeating: UInt8(index), count: 700 * index)
      #expect(isSame, "\(name)")
    }
  }
}
