import Fuzzing
import ImageData
import Testing

@Suite("classes.txt")
struct ClassIndexTests {
  private let folder: TemporaryFolder
  private let file = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[9]])
  private let names = [
    "train/cat/1.png", "train/dog/1.png", "train/ant/1.png", "train/ant/2.png", "test/dog/1.png",
  ]

  init() throws { folder = try TemporaryFolder() }

  private func write(_ list: String, _ names: [String]) throws {
    for name in names { try folder.write(name, file) }
    try folder.write("classes.txt", Array(list.utf8))
  }

  private func fault() throws -> DatasetError {
    try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
  }

  @Test("lines are labels; comments, blank lines, a byte order mark and any line break are allowed")
  func labels() throws {
    try write("\u{FEFF}# pets\r\n\r\ndog\r\n  cat \tHouse cat \n\n#x\nant\t\n", names)
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.classNames == ["dog", "House cat", "ant"])
    #expect(sets.test.classNames == sets.train.classNames && sets.test.label(0) == 0)
    #expect((0..<4).map { sets.train.label($0) } == [0, 1, 2, 2])
    #expect(
      (0..<4).map { sets.train.name($0) }
        == ["dog/1", "cat/1", "ant/1", "ant/2"].map { "\(folder.path)/train/\($0).png" })
  }

  @Test("labels and the order of images survive that a folder is renamed")
  func renamed() throws {
    try write("cat\tcat\ndog\tdog\nant\tant\n", names)
    let before = try ImageDatasets.open(folder.path).train
    for name in names { try folder.remove(name) }
    for name in ["cat", "dog", "ant"] { try folder.remove("train/\(name)") }
    try folder.remove("test/dog")
    let renamed = names.map { $0.replacing("cat", with: "z-cat") }
    try write("z-cat\tcat\ndog\tdog\nant\tant\n", renamed)
    let after = try ImageDatasets.open(folder.path).train
    #expect(after.classNames == before.classNames)
    #expect((0..<4).map { after.label($0) } == (0..<4).map { before.label($0) })
  }

  @Test("it serves archives too: inside of the one that holds both sides, beside those of one side")
  func archives() throws {
    let files = names.map { (name: "p/\($0)", bytes: file) }
    let list = Array("dog\nant\tAnt\ncat".utf8)
    let path = try folder.write("all.tar", tar(files + [("p/classes.txt", list)]))
    try folder.write("sides/train.tar", tar(files.filter { $0.name.contains("train") }))
    try folder.write("sides/val.tar", tar(files.filter { $0.name.contains("test") }))
    try folder.write("sides/classes.txt", list)
    for path in [path, "\(folder.path)/sides"] {
      let sets = try ImageDatasets.open(path)
      #expect(sets.train.classNames == ["dog", "Ant", "cat"])
      #expect((0..<4).map { sets.train.label($0) } == [0, 1, 1, 2] && sets.test.label(0) == 0)
    }
    try folder.write("all.tar", tar(files + [("p/classes.txt", Array("dog\nant".utf8))]))
    let error = #expect(throws: DatasetError.self) { try ImageDatasets.open(path) }
    #expect(error?.path == "\(path): p/classes.txt")
    #expect(error?.fault == .unlistedClass(name: "cat", place: "\(path): p/train"))
  }

  @Test("a folder that is not listed is an error on either side, and a listed one that is missing")
  func differences() throws {
    try write("cat\ndog\n", names)
    let unlisted = try fault()
    #expect(unlisted.path == "\(folder.path)/classes.txt")
    #expect(unlisted.fault == .unlistedClass(name: "ant", place: "\(folder.path)/train"))
    #expect(unlisted.description.contains("does not list the class folder 'ant'"))
    try write("cat\ndog\nant\nowl", names)
    let missing = try fault()
    #expect(missing.fault == .missingClass(name: "owl", place: "\(folder.path)/train"))
    #expect(missing.description.contains("lists the class 'owl'"))
    try write("cat\ndog\nant", names + ["test/eel/1.png"])
    #expect(try fault().fault == .unlistedClass(name: "eel", place: "\(folder.path)/test"))
  }

  @Test("a list without classes or with a class twice is an error")
  func badLists() throws {
    try write("# nothing\n\n", names)
    #expect(try fault().fault == .emptyClassList)
    try write("cat\n\ndog\ncat\tagain", names)
    let error = try fault()
    #expect(error.fault == .repeatedClass(name: "cat", first: 1, second: 4))
    #expect(error.description.contains("'cat' stands in lines 1 and 4"))
  }
}
