import Files
import Fuzzing
import ImageData
import Testing

@Suite("Class folders")
struct ImageFolderTests {
  private let folder: TemporaryFolder
  private let file = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[9]])

  init() throws { folder = try TemporaryFolder() }

  private func write(_ names: String...) throws {
    for name in names { try folder.write(name, file) }
  }

  private func fault() throws -> DatasetError {
    try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
  }

  @Test(
    "classes and files are sorted by their bytes; extensions in any case; what lies deeper belongs to its class; the rest is counted"
  )
  func sorting() throws {
    try write(
      "train/b/2.png", "train/b/10.JPEG", "train/Z/x.JPG", "train/é/1.png", "train/b/.hidden.png",
      "train/b/notes.txt", "train/b/deeper/3.png", "train/.cache/1.png", "train/stray.png",
      "test/b/1.png", "test/Z/1.png", "test/é/1.png")
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.classNames == ["Z", "b", "é"])
    #expect(sets.test.classNames == sets.train.classNames)
    #expect((0..<sets.train.count).map { sets.train.label($0) } == [0, 1, 1, 1, 2])
    #expect(
      (0..<sets.train.count).map { sets.train.name($0) }
        == ["Z/x.JPG", "b/10.JPEG", "b/2.png", "b/deeper/3.png", "é/1.png"].map {
          "\(folder.path)/train/\($0)"
        })
    #expect(sets.description.contains("5 training and 3 test images of 3 classes"))
    #expect(sets.passedOver.train.kinds == [".txt": 1, "outside of the class folders": 1])
    #expect(
      sets.passedOver.train.names
        == ["stray.png", "b/notes.txt"].map { "\(folder.path)/train/\($0)" })
    #expect(sets.passedOver.test.count == 0)
  }

  @Test(
    "all endings that people give images are known, and kinds that are never read have their names")
  func endings() {
    for name in [
      "a.jpg", "a.JPEG", "a.jfif", "a.jpe", "b/a.png", "a.x.webp", "a.gif", "a.BMP", "a.dib",
      "a.tif", "a.tiff",
      "a.HEIC", "a.heif", "a.avif",
    ] {
      #expect(ImageFormat.isImage(name) && ImageFormat.unreadKind(name) == nil, "\(name)")
    }
    for name in ["jpg", "a.jpg.txt", "notes", "a.mp4", ""] {
      #expect(!ImageFormat.isImage(name) && ImageFormat.unreadKind(name) == nil, "\(name)")
    }
    #expect(
      ImageFormat.unreadKind("IMG_1.CR2") == "camera raw" && !ImageFormat.isImage("IMG_1.CR2"))
    #expect(ImageFormat.unreadKind("a.jp2") == "JPEG 2000")
  }

  @Test("val/ serves where there is no test/, and test/ comes first")
  func validation() throws {
    try write("train/a/1.png", "val/a/1.png")
    #expect(try ImageDatasets.open(folder.path).test.count == 1)
    try write("test/a/1.png", "test/a/2.png")
    #expect(try ImageDatasets.open(folder.path).test.count == 2)
  }

  @Test("a class folder without images to train on is an error that names it and what is in it")
  func emptyClass() throws {
    try write("train/a/1.png", "train/b/readme.txt", "test/a/1.png")
    let error = try fault()
    #expect(
      error
        == DatasetError(path: "\(folder.path)/train/b", fault: .emptyClass(passedOver: "1 .txt")))
    for word in ["(but 1 .txt)", ".jpg, .jpeg, ", "classes.txt", "on both sides"] {
      #expect(error.description.contains(word), "\(error)")
    }
  }

  @Test("what the messages advise of an empty class works: no advice in a circle")
  func emptyClassAdvice() throws {
    try write("train/a/1.png", "train/b/1.png", "test/a/1.png")
    // Missing in test/: an empty folder will do.
    #expect(try fault().description.contains("an empty folder will do"))
    try folder.makeFolder("test/b")
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.test.classNames == ["a", "b"] && sets.test.count == 1)
    #expect(sets.notes == ["without an image in test: b"])
    // Empty in train/: listed in classes.txt it may be.
    try folder.makeFolder("train/c")
    #expect(try fault().description.contains("list all classes in classes.txt"))
    try folder.write("classes.txt", Array("a\nb\nc\n".utf8))
    let listed = try ImageDatasets.open(folder.path)
    #expect(listed.train.classNames == ["a", "b", "c"] && listed.train.count == 2)
    #expect(listed.notes.first == "without an image to train on: c (classes.txt lists them)")
    // Or removed, which is what it was.
    try folder.remove("classes.txt")
    try folder.remove("train/c")
    #expect(try ImageDatasets.open(folder.path).train.count == 2)
    // A side of empty folders only tests nothing.
    try folder.remove("test/a/1.png")
    #expect(try fault() == DatasetError(path: "\(folder.path)/test", fault: .allEmpty))
  }

  @Test("no class folder is an error")
  func noClasses() throws {
    try write("train/1.png", "test/a/1.png")
    #expect(try fault() == DatasetError(path: "\(folder.path)/train", fault: .noClasses))
  }

  @Test("classes that differ are an error that names the first difference and its side")
  func mismatch() throws {
    try write("train/a/1.png", "train/b/1.png", "train/d/1.png", "test/a/1.png", "test/c/1.png")
    let error = try fault()
    #expect(error.fault == .classMismatch(name: "b", missingIn: "test"))
    #expect(error.description.contains("class 'b' is missing in test/"))
    try write("test/b/1.png", "test/d/1.png")
    #expect(try fault().fault == .classMismatch(name: "c", missingIn: "train"))
  }

  @Test("a folder with nothing of use is an error that lists what is recognized")
  func unrecognized() throws {
    let error = try fault()
    #expect(error.fault == .unrecognized(archive: nil))
    for word in ["train/", "test/", "CIFAR-10", "CIFAR-100", "IDX", "digits", "check the path"] {
      #expect(error.description.contains(word))
    }
    try folder.write("cifar-10-binary.tar.gz", [1])
    #expect(try fault().description.hasSuffix("unpack cifar-10-binary.tar.gz first"))
  }

  @Test("a missing folder is an error of input and output")
  func missing() throws {
    let path = "\(folder.path)/nowhere"
    let error = try #require(#expect(throws: FileError.self) { try ImageDatasets.open(path) })
    #expect(error.path == path && error.category == .inputOutput)
  }

  @Test("an image that vanished is an error that names it")
  func vanished() throws {
    try write("train/a/1.png", "test/a/1.png")
    let sets = try ImageDatasets.open(folder.path)
    try folder.remove("train/a/1.png")
    let error = #expect(throws: FileError.self) { try sets.train.image(0) }
    #expect(error?.path == "\(folder.path)/train/a/1.png")
  }
}
