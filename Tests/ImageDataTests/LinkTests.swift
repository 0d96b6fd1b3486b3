import Files
import Foundation
import Fuzzing
import ImageData
import Testing

/// Links in archives lead to files of the archive and nowhere else; links in folders are the user's
/// own and are followed.
@Suite("Links")
struct LinkTests {
  private let folder: TemporaryFolder
  private let image = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[7]])

  init() throws { folder = try TemporaryFolder() }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/\(name)", withDestinationPath: target)
  }

  @Test(
    "no link of an archive leads to a file of the machine, be it absolute, by way of '..' or in circles",
    arguments: ["1", "2"])
  func archives(kind: Character) throws {
    // A file that is there: would it be opened, the test would see its bytes.
    let secret = try folder.write("secret.png", [1, 2, 3])
    var writer = TarWriter(files: [("train/a/1.png", image), ("test/a/1.png", image)])
    for (index, target) in [
      secret, "../secret.png", "../../../../../../../../..\(secret)", "/etc/passwd",
      "..", ".", "", "train", "train/a/", "circle/1.png",
    ].enumerated() {
      writer.add("train/a/link\(index).png", kind: kind, link: target)
      writer.addPax([("linkpath", target)])
      writer.add("train/a/pax\(index).png", kind: kind)
    }
    // A circle, a link to itself, and a link to a folder with a file beneath it.
    writer.add("train/a/x.png", kind: kind, link: "train/a/y.png")
    writer.add("train/a/y.png", kind: kind, link: "train/a/x.png")
    writer.add("train/a/z.png", kind: kind, link: "train/a/z.png")
    writer.add("train/b", kind: kind, link: folder.path)
    let path = try folder.write("all.tar", writer.archive)
    let sets = try ImageDatasets.open(path)
    #expect(sets.train.count == 1 && sets.train.classNames == ["a"])
    #expect(sets.train.name(0) == "\(path): train/a/1.png")
    #expect(try sets.train.image(0).pixels == [7])
  }

  @Test("absolute names and '..' stay inside: they name files of the archive, and none is written")
  func names() throws {
    let before = try folder.write("victim.png", [9])
    let path = try folder.write(
      "all.tar",
      tar([
        ("../victim.png", [1]), (before, [2]), ("x/../../../train/a/1.png", image),
        ("/test/a/1.png", image),
      ]))
    let sets = try ImageDatasets.open(path)
    #expect(sets.train.count == 1 && sets.test.count == 1)
    #expect(try readFile(before) == [9])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
  }

  @Test("in folders, links to files and to folders of classes are followed")
  func followed() throws {
    let elsewhere = try TemporaryFolder()
    let file = try elsewhere.write("b/photo.png", image)
    for side in ["train", "test"] {
      try folder.write("\(side)/a/1.png", image)
      try link("\(side)/a/2.png", to: file)
      try link("\(side)/b", to: "\(elsewhere.path)/b")
    }
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.classNames == ["a", "b"] && sets.train.count == 3)
    for index in 0..<3 { #expect(try sets.train.image(index).pixels == [7]) }
  }

  @Test("links in circles, to nothing, to a pipe and to a device are errors of one image, at once")
  func odd() throws {
    for side in ["train", "test"] { try folder.write("\(side)/a/1.png", image) }
    try link("train/a/circle.png", to: "circle.png")
    try link("train/a/nothing.png", to: "/nowhere/x.png")
    try link("train/a/device.png", to: "/dev/zero")
    #expect(mkfifo("\(folder.path)/fifo", 0o600) == 0)
    try link("train/a/pipe.png", to: "../../fifo")
    // Up and down again: folders are listed one level deep.
    try link("train/a/up", to: "../..")
    let train = try ImageDatasets.open(folder.path).train
    #expect(train.count == 5)
    for index in 0..<5 where !train.name(index).hasSuffix("/1.png") {
      let error = #expect(throws: FileError.self) { try train.content(index) }
      #expect(error?.path == train.name(index))
    }
  }
}
