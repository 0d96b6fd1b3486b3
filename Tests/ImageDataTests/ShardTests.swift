import Fuzzing
import ImageData
import Testing

@Suite("WebDataset shards")
struct ShardTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ value: UInt8 = 9) -> [UInt8] {
    PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[value]])
  }

  private func label(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// A shard of samples: key, pixel and label.
  private func shard(_ samples: [(key: String, value: UInt8, label: String)]) -> [UInt8] {
    tar(
      samples.flatMap { sample in
        [("\(sample.key).cls", label(sample.label)), ("\(sample.key).png", file(sample.value))]
      })
  }

  private func fault() throws -> DatasetError {
    try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
  }

  /// Two shards to train on, with classes 0 and 2, and one to test with.
  private func write() throws {
    try folder.write("set-train-000001.tar", shard([("c", 3, "2"), ("a", 4, " 0\n")]))
    try folder.write("set-train-000000.tar", shard([("z", 1, "0"), ("b/x", 2, "2")]))
    try folder.write("set-val-000000.tar", shard([("k", 5, "2")]))
  }

  @Test("shards come in the order of their names, samples as they lie, classes by their numbers")
  func reading() throws {
    try write()
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.description.contains("WebDataset shards in \(folder.path): 4 training and 1 test"))
    #expect(sets.train.classNames == ["0", "1", "2"] && sets.test.classNames == ["0", "1", "2"])
    #expect((0..<4).map { sets.train.label($0) } == [0, 2, 2, 0] && sets.test.label(0) == 2)
    #expect(try (0..<4).map { try sets.train.image($0).pixels[0] } == [1, 2, 3, 4])
    #expect(sets.train.name(1) == "\(folder.path)/set-train-000000.tar: b/x.png")
  }

  @Test("files of a sample may lie apart, other kinds and hidden files are ignored")
  func otherFiles() throws {
    let files: [(name: String, bytes: [UInt8])] = [
      ("1.cls", label("1")), ("2.JPG", file(7)), ("1.json", label("{}")), ("1.seg.png", file(1)),
      ("__info__", [1]), ("._1.png", [1]), ("d.x/1.cls", label("0")), ("1.webp", file(8)),
      ("d.x/1.jpeg", file(6)), ("2.cls", label("0")), ("1.png", file(2)), ("2.txt", [1]),
    ]
    try folder.write("train.tar", tar(files))
    try folder.write("test.tar", shard([("1", 1, "1")]))
    let train = try ImageDatasets.open(folder.path).train
    #expect((0..<3).map { train.label($0) } == [1, 0, 0] && train.count == 3)
    #expect(try (0..<3).map { try train.image($0).pixels[0] } == [8, 7, 6])
  }

  @Test("test shards come before validation shards; without either some samples are kept to test")
  func sides() throws {
    try write()
    try folder.write("set-test-0.tar", shard([("1", 1, "0"), ("2", 1, "0")]))
    #expect(try ImageDatasets.open(folder.path).test.count == 2)
    for name in ["set-test-0.tar", "set-val-000000.tar"] { try folder.remove(name) }
    try folder.write("validation.tar", shard([("1", 1, "0")]))
    #expect(try ImageDatasets.open(folder.path).test.count == 1)
    try folder.remove("validation.tar")
    let split = try ImageDatasets.open(folder.path)
    #expect(split.train.count == 2 && split.test.count == 2)
    #expect(Set((0..<2).map { split.test.label($0) }) == [0, 2])
  }

  @Test(
    "labels may come behind all images, and in another order",
    arguments: ["train.tar", "my-train-0.tar"])
  func lateLabels(name: String) throws {
    let keys = (0..<100).map { "k/\(100 + $0)" }
    let images = keys.enumerated().map { ("\($1).png", file(UInt8($0))) }
    let labels = keys.enumerated().map { ("\($1).cls", label("\($0 % 3)")) }
    try folder.write(name, tar(images + labels.reversed()))
    try folder.write("val.tar", shard([("k", 5, "2")]))
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.source.hasPrefix("WebDataset shards") && sets.train.count == 100)
    #expect((0..<100).allSatisfy { sets.train.label($0) == $0 % 3 })
    #expect(try (0..<100).allSatisfy { try sets.train.image($0).pixels[0] == UInt8($0) })
  }

  @Test("test shards without labels are passed over where there are validation shards, and said")
  func unlabelledTest() throws {
    try write()
    try folder.write("set-test-0.tar", tar([("1.png", file())]))
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.test.count == 1)
    #expect(
      sets.notes == [
        "set-test-0.tar … has samples without labels: tested with set-val-000000.tar …"
      ])
    try folder.remove("set-val-000000.tar")
    #expect(
      try fault()
        == DatasetError(
          path: "\(folder.path)/set-test-0.tar", fault: .sampleWithoutLabel(key: "1")))
  }

  @Test("samples without label or image are errors that name shard and key")
  func incomplete() throws {
    try write()
    let path = try folder.write(
      "set-train-000001.tar", tar([("a.png", file()), ("a.cls", label("0")), ("b/1.png", file())]))
    let error = try fault()
    #expect(error == DatasetError(path: path, fault: .sampleWithoutLabel(key: "b/1")))
    #expect(error.description.contains("sample 'b/1' has no label, expected b/1.cls"))
    try folder.write("set-train-000001.tar", tar([("a.cls", label("0")), ("a.npy", [1])]))
    #expect(try fault() == DatasetError(path: path, fault: .sampleWithoutImage(key: "a")))
    try folder.write("set-train-000001.tar", tar([("a.txt", [1])]))
    #expect(try ImageDatasets.open(folder.path).train.count == 2)
    try folder.write("set-val-000000.tar", tar([]))
    #expect(
      try fault() == DatasetError(path: "\(folder.path)/set-val-000000.tar", fault: .noSamples))
  }

  @Test(
    "labels that are no class's number are errors",
    arguments: [
      "", "cat", "-1", "1.0", "1048576", "99999999999999", String(repeating: "0", count: 33),
    ])
  func badLabels(text: String) throws {
    try write()
    let path = try folder.write("set-train-000001.tar", shard([("key", 1, text)]))
    let error = try fault()
    let found = text.count > 32 ? "" : text
    #expect(
      error
        == DatasetError(
          path: path, fault: .sampleLabel(key: "key", found: found, classes: 1 << 20)))
    #expect(error.description.contains("label of sample 'key' is '\(found)', expected a number"))
  }

  @Test("a test label that no training sample has is an error")
  func testLabel() throws {
    try write()
    let path = try folder.write("set-val-000000.tar", shard([("k", 5, "3")]))
    #expect(
      try fault()
        == DatasetError(path: path, fault: .sampleLabel(key: "k", found: "3", classes: 3)))
  }

  @Test("more shards than a process may keep open are read")
  func manyShards() throws {
    for item in 0..<200 {
      try folder.write("train-\(1000 + item).tar", shard([("\(item)", UInt8(item), "0")]))
    }
    try folder.write("val-0.tar", shard([("1", 1, "0")]))
    let train = try ImageDatasets.open(folder.path).train
    #expect(try (0..<200).allSatisfy { try train.image($0).pixels[0] == UInt8($0) })
  }

  @Test("classes.txt names the classes, all of which must be there")
  func classNames() throws {
    try write()
    let path = try folder.write("classes.txt", label("n0\tcat\nn1\nn2\tdog\n"))
    #expect(
      try fault().fault == .missingClass(name: "n1", place: "\(folder.path)/set-train-000000.tar"))
    #expect(try fault().path == path)
    try folder.write("set-train-000002.tar", shard([("key", 1, "1")]))
    #expect(try ImageDatasets.open(folder.path).train.classNames == ["cat", "n1", "dog"])
    let last = try folder.write("set-train-000003.tar", shard([("key", 1, "3")]))
    #expect(
      try fault()
        == DatasetError(path: last, fault: .sampleLabel(key: "key", found: "3", classes: 3)))
  }
}
