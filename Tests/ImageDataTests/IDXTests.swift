import Files
import ImageData
import Testing

@Suite("IDX files")
struct IDXTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func word(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private func file(_ magic: UInt32, _ extents: [UInt32], _ values: [UInt8]) -> [UInt8] {
    word(magic) + extents.flatMap(word) + values
  }

  /// Two training images of 3 × 2 (width × height) with labels 0 and 4, one test image.
  private func write(test: String = "t10k", mark: String = "-") throws {
    try folder.write("train-images\(mark)idx3-ubyte", file(2051, [2, 2, 3], Array(1...12)))
    try folder.write("train-labels\(mark)idx1-ubyte", file(2049, [2], [0, 4]))
    try folder.write("\(test)-images\(mark)idx3-ubyte", file(2051, [1, 2, 3], Array(20...25)))
    try folder.write("\(test)-labels\(mark)idx1-ubyte", file(2049, [1], [3]))
  }

  private func fault() throws -> DatasetError {
    try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
  }

  @Test(
    "images and labels are read, whichever way the files are named",
    arguments: ["t10k", "test"], ["-", "."])
  func reading(test: String, mark: String) throws {
    try write(test: test, mark: mark)
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.count == 2 && sets.test.count == 1)
    #expect(sets.train.classNames == ["0", "1", "2", "3", "4"])
    #expect(sets.test.classNames == sets.train.classNames)
    #expect(sets.train.label(1) == 4 && sets.test.label(0) == 3)
    #expect(
      try sets.train.image(1)
        == Image(width: 3, height: 2, channels: 1, pixels: [7, 8, 9, 10, 11, 12]))
    #expect(sets.train.name(1) == "\(folder.path)/train-images\(mark)idx3-ubyte record 1")
  }

  @Test("a wrong magic number is an error with both numbers")
  func magic() throws {
    try write()
    let path = try folder.write("train-images-idx3-ubyte", file(2049, [2, 2, 3], Array(1...12)))
    let error = try fault()
    #expect(error == DatasetError(path: path, fault: .magic(found: 2049, expected: 2051)))
    #expect(error.description.contains("starts with 2049, expected 2051"))
  }

  @Test(
    "a header that claims another length than there is, or one past any integer, is an error",
    arguments: [[2, 2, 4], [2, 2, 2], [3, 2, 3], [0, 2, 3], [2, 0, 3]] as [[UInt32]]
      + [[.max, .max, .max], [0x8000_0000, 0x8000_0000, 4]])
  func length(extents: [UInt32]) throws {
    try write()
    let path = try folder.write("train-images-idx3-ubyte", file(2051, extents, Array(1...12)))
    #expect(try fault() == DatasetError(path: path, fault: .length(found: 28, claimed: extents)))
  }

  @Test("a file shorter than its header is an error", arguments: [0, 3, 4, 15])
  func short(length: Int) throws {
    try write()
    let path = try folder.write(
      "train-images-idx3-ubyte", Array(file(2051, [2, 2, 3], []).prefix(length)))
    #expect(try fault() == DatasetError(path: path, fault: .header(found: length, expected: 16)))
  }

  @Test("as many labels as images are asked for")
  func itemCount() throws {
    try write()
    let path = try folder.write("train-labels-idx1-ubyte", file(2049, [3], [0, 4, 1]))
    #expect(try fault() == DatasetError(path: path, fault: .itemCount(images: 2, labels: 3)))
  }

  @Test("a test label that no training image has is an error with its offset")
  func label() throws {
    try write()
    let path = try folder.write("t10k-labels-idx1-ubyte", file(2049, [1], [5]))
    #expect(try fault() == DatasetError(path: path, fault: .label(found: 5, offset: 8, classes: 5)))
  }

  @Test("missing test images are an error that names the file")
  func missing() throws {
    try write()
    try folder.remove("t10k-images-idx3-ubyte")
    let error = #expect(throws: FileError.self) { try ImageDatasets.open(folder.path) }
    #expect(error?.path == "\(folder.path)/t10k-images-idx3-ubyte")
  }
}
