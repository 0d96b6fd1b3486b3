import Files
import ImageData
import Testing

@Suite("CIFAR binary files")
struct CIFARTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A record whose pixel (x, y) is (x, y, label).
  private func record(_ labels: [UInt8]) -> [UInt8] {
    let side = 0..<32
    let red = side.flatMap { _ in side.map { UInt8($0) } }
    let green = side.flatMap { y in side.map { _ in UInt8(y) } }
    return labels + red + green + Array(repeating: labels[labels.count - 1], count: 1024)
  }

  private func writeCIFAR10(_ prefix: String = "") throws {
    for batch in 1...5 {
      try folder.write(
        "\(prefix)data_batch_\(batch).bin", record([UInt8(batch)]) + record([UInt8(batch + 4)]))
    }
    try folder.write("\(prefix)test_batch.bin", record([9]))
  }

  @Test(
    "CIFAR-10's planes become pixels, its files one data set",
    arguments: ["", "cifar-10-batches-bin/"])
  func cifar10(prefix: String) throws {
    try writeCIFAR10(prefix)
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.count == 10 && sets.test.count == 1)
    #expect(sets.train.classNames.count == 10 && sets.train.classNames[3] == "cat")
    #expect((0..<10).map { sets.train.label($0) } == [1, 5, 2, 6, 3, 7, 4, 8, 5, 9])
    #expect(sets.train.name(3) == "\(folder.path)/\(prefix)data_batch_2.bin record 1")
    let image = try sets.train.image(3)
    #expect(image.width == 32 && image.height == 32 && image.channels == 3)
    #expect(Array(image.pixels[(5 * 32 + 7) * 3..<(5 * 32 + 7) * 3 + 3]) == [7, 5, 6])
  }

  @Test("class names come from batches.meta.txt, which must have ten")
  func names() throws {
    try writeCIFAR10()
    try folder.write("batches.meta.txt", Array("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".utf8))
    #expect(try ImageDatasets.open(folder.path).test.classNames.joined() == "abcdefghij")
    let path = try folder.write("batches.meta.txt", Array("a\nb\n".utf8))
    #expect(throws: DatasetError(path: path, fault: .classNames(found: 2, expected: 10))) {
      try ImageDatasets.open(folder.path)
    }
  }

  @Test("CIFAR-100 is read by its fine labels", arguments: ["", "cifar-100-binary/"])
  func cifar100(prefix: String) throws {
    try folder.write("\(prefix)train.bin", record([19, 42]) + record([0, 99]))
    try folder.write("\(prefix)test.bin", record([1, 0]))
    let names = (0..<100).map { "class\($0)" }.joined(separator: "\n")
    try folder.write("\(prefix)fine_label_names.txt", Array(names.utf8))
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.label(0) == 42 && sets.train.label(1) == 99 && sets.test.label(0) == 0)
    #expect(sets.train.classNames[42] == "class42")
    #expect(Array(try sets.train.image(1).pixels.prefix(3)) == [0, 0, 99])
  }

  @Test(
    "a length that is no multiple of the record is an error with both numbers",
    arguments: [0, 3072, 6145])
  func recordLength(length: Int) throws {
    try writeCIFAR10()
    let path = try folder.write("data_batch_3.bin", Array(repeating: 0, count: length))
    let error = try #require(
      #expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
    #expect(
      error == DatasetError(path: path, fault: .recordLength(found: length, record: 3073)))
    #expect(error.description.contains("\(length) bytes") && error.description.contains("3073"))
  }

  @Test("a label outside the classes is an error with its offset")
  func label() throws {
    try writeCIFAR10()
    let path = try folder.write("test_batch.bin", record([9]) + record([10]))
    #expect(
      throws: DatasetError(path: path, fault: .label(found: 10, offset: 3073, classes: 10))
    ) { try ImageDatasets.open(folder.path) }
  }

  @Test("a missing file is an error that names it")
  func missing() throws {
    try writeCIFAR10()
    try folder.remove("data_batch_4.bin")
    let error = #expect(throws: FileError.self) { try ImageDatasets.open(folder.path) }
    #expect(error?.path == "\(folder.path)/data_batch_4.bin")
  }
}
