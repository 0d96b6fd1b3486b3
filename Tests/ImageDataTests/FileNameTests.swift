import Files
import Foundation
import Fuzzing
import ImageData
import Testing

@Suite("Names of files and folders")
struct FileNameTests {
  private let folder: TemporaryFolder
  private let image = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[7]])

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "every name of bytes has one string, and every such string gives the bytes back",
    arguments: [
      [0x61], [0xE9], [0x63, 0x61, 0x66, 0xE9], [0xC3, 0xA9], [0xC3], [0xF0, 0x9F, 0x98],
      [0x82, 0xA0, 0x2E, 0x6A], [0xED, 0xA0, 0x80], [0xF4, 0x8F, 0xBE, 0xA9], [0xFF, 0xFE, 0x41],
    ] as [[UInt8]])
  func bytes(name: [UInt8]) {
    let string = RawName.string(name)
    #expect(RawName.bytes(string) == name)
    // What a scalar stands for is not what a name with that scalar is.
    #expect(RawName.string(Array(string.utf8)) == string || !name.elementsEqual(string.utf8))
    #expect(RawName.bytes(RawName.string(Array(string.utf8))) == Array(string.utf8))
  }

  #if os(Linux)
    /// Writes a file into a folder of bytes; macOS takes no names that are no UTF-8.
    private func write(_ parts: [[UInt8]]) throws {
      var path = folder.path
      for part in parts.dropLast() {
        path += "/" + RawName.string(part)
        _ = RawName.withPath(path) { mkdir($0, 0o700) }
      }
      path += "/" + RawName.string(parts[parts.count - 1])
      let handle = RawName.withPath(path) { open($0, O_WRONLY | O_CREAT, 0o600) }
      try #require(handle >= 0)
      #expect(
        image.withUnsafeBytes { Glibc.write(handle, $0.baseAddress, $0.count) } == image.count)
      close(handle)
    }

    @Test("names that are no UTF-8 are read, told apart, shown as Latin-1, and named in errors")
    func latin() throws {
      let cafe: [UInt8] = Array("caf".utf8) + [0xE9]
      for side in ["train", "test"] {
        try write([Array(side.utf8), cafe, [0xFC] + Array(".png".utf8)])
        try write([Array(side.utf8), cafe, [0xFB] + Array(".png".utf8)])
        try write([Array(side.utf8), Array("bar".utf8), Array("1.png".utf8)])
        try write([Array(side.utf8), Array("bar".utf8), [0xE4] + Array(".doc".utf8)])
      }
      let sets = try ImageDatasets.open(folder.path)
      #expect(sets.train.classNames == ["bar", "café"] && sets.train.count == 3)
      for index in 0..<3 { #expect(try sets.train.image(index).pixels == [7]) }
      #expect(sets.passedOver.train.names == ["\(folder.path)/train/bar/\\xE4.doc"])
      // Gone, it is named so that it can be found.
      _ = RawName.withPath(sets.train.name(2)) { unlink($0) }
      let error = #expect(throws: FileError.self) { try sets.train.content(2) }
      #expect(error?.description.contains("/train/caf\\xE9/\\xFC.png: No such file") == true)
      // classes.txt may be written in Latin-1, too.
      try folder.write("classes.txt", cafe + Array("\nbar\n".utf8))
      #expect(try ImageDatasets.open(folder.path).train.classNames == ["café", "bar"])
    }

    @Test("a class has one label on both sides, however its accents are written")
    func composition() throws {
      for (side, name) in [("train", "\u{E9}"), ("test", "e\u{301}")] {
        try write([Array(side.utf8), Array(name.utf8), Array("1.png".utf8)])
        try write([Array(side.utf8), Array("f".utf8), Array("2.png".utf8)])
      }
      let sets = try ImageDatasets.open(folder.path)
      for set in [sets.train, sets.test] {
        for index in 0..<2 {
          #expect((set.classNames[set.label(index)] == "f") == set.name(index).hasSuffix("f/2.png"))
          #expect(try set.image(index).pixels == [7])
        }
      }
      #expect(sets.train.classNames == sets.test.classNames)
    }
  #endif

  @Test("a path is as people write it: ~, slashes behind it, relative ones")
  func paths() throws {
    let home = ProcessInfo.processInfo.environment["HOME"]
    #expect(DatasetPath.resolved("~/x") == (home ?? NSHomeDirectory()) + "/x")
    #expect(DatasetPath.resolved("photos///") == "photos" && DatasetPath.resolved("/") == "/")
    #expect(DatasetPath.absolute("/a/b/") == "/a/b")
    #expect(DatasetPath.absolute("a") == FileManager.default.currentDirectoryPath + "/a")
    #expect(DatasetPath.relative("/a/photos", to: "/a/runs/first") == "../../photos")
    #expect(DatasetPath.relative("/a/./runs/../photos/x", to: "/a/photos") == "x")
    #expect(DatasetPath.relative("/a", to: "/a") == ".")
  }

  @Test("links back up and to folders that are there already add nothing, and are counted")
  func circles() throws {
    for name in [
      "train/a/1.png", "train/a/in/2.png", "train/b/1.png", "test/a/1.png", "test/b/1.png",
    ] {
      try folder.write(name, image)
    }
    let files = FileManager.default
    for (name, target) in [
      ("train/a/in/up", ".."), ("train/a/self", "."), ("train/a/root", "../.."),
      ("train/a/twin", "in"), ("train/a/in/all", "/"),
    ] {
      try files.createSymbolicLink(
        atPath: "\(folder.path)/\(name)", withDestinationPath: target)
    }
    let sets = try ImageDatasets.open(folder.path)
    #expect((0..<3).map { sets.train.key($0) } == ["1.png", "in/2.png", "1.png"])
    #expect(sets.passedOver.train.kinds == ["links to a folder that is there already": 5])
  }
}
