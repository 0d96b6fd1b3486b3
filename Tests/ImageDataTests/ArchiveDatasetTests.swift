import Fuzzing
import ImageData
import MXRuntime
import Testing

@Suite("Class folders in tar archives")
struct ArchiveDatasetTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A grey PNG file of one pixel.
  private func file(_ value: UInt8 = 9) -> [UInt8] {
    PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[value]])
  }

  private func write(_ archive: String, _ names: String...) throws {
    try folder.write(archive, tar(names.map { ($0, file()) }))
  }

  private func names(_ dataset: any ImageDataset) -> [String] {
    (0..<dataset.count).map { String(dataset.name($0).dropFirst(folder.path.count + 1)) }
  }

  private func fault(_ name: String = "") throws -> DatasetError {
    let path = name.isEmpty ? folder.path : "\(folder.path)/\(name)"
    return try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(path) })
  }

  @Test(
    "one archive holds both sides; what lies deeper and what is left out are as in folders",
    arguments: ["", "./p/q/"])
  func oneArchive(prefix: String) throws {
    let files = [
      "train/b/2.png", "train/b/10.JPEG", "train/Z/x.JPG", "train/train/1.png", "val/b/1.png",
      "train/b/._2.png", "train/b/notes.txt", "train/b/deeper/3.png", "train/.cache/1.png",
      "train/stray.png", "val/Z/1.png", "val/train/1.png",
    ].map { (prefix + $0, file()) }
    let path = try folder.write("all.tar", tar(files + [("o/t/h/e/r/train/a/1.png", file())]))
    let sets = try ImageDatasets.open(path)
    #expect(sets.train.classNames == ["Z", "b", "train"])
    #expect(sets.test.classNames == sets.train.classNames)
    #expect((0..<5).map { sets.train.label($0) } == [0, 1, 1, 1, 2])
    let top = prefix.isEmpty ? "" : "p/q/"
    #expect(
      names(sets.train)
        == ["Z/x.JPG", "b/10.JPEG", "b/2.png", "b/deeper/3.png", "train/1.png"].map {
          "all.tar: \(top)train/\($0)"
        })
    #expect(sets.test.count == 3)
    #expect(try sets.train.image(0).pixels == [9])
    #expect(sets.description.hasPrefix("class folders in the archive \(path): 5 training and 3"))
    #expect(sets.passedOver.train.kinds == [".txt": 1, "outside of the class folders": 1])
  }

  @Test("a folder and an archive of it make the same batches to the bit")
  func sameBatches() throws {
    var files: [(name: String, bytes: [UInt8])] = []
    for item in 0..<23 {
      let image = pattern(9 + item % 5, 8, item % 4 == 0 ? 1 : 3, start: item)
      let side = item % 5 == 0 ? "test" : "train"
      let name = "\(side)/\(["cat", "dog"][item % 2])/\(item).jpg"
      files.append((name, item == 7 ? [1, 2] : jpeg(image)))
      try folder.write("folder/\(name)", files[item].bytes)
    }
    try folder.write("all.tar", tar(files.reversed()))
    func side(_ side: String) -> [UInt8] {
      tar(files.filter { $0.name.hasPrefix(side) }.reversed())
    }
    try folder.write("sides/train.tar", side("train"))
    try folder.write("sides/test.tar", side("test"))
    let batches = try ["folder", "all.tar", "sides"].map { name in
      let sets = try ImageDatasets.open("\(folder.path)/\(name)")
      return try [sets.train, sets.test].flatMap { dataset in
        let loader = try BatchLoader(
          dataset: dataset,
          preprocessing: rawValues(8, channels: 3, cropPadding: 1, flipProbability: 0.5),
          options: LoaderOptions(batchSize: 5, training: true, seed: 3, maximumBrokenShare: 0.5))
        let batches = try allBatches(loader, epoch: 1)
        #expect(loader.skipped.count == (dataset.count > 10 ? 1 : 0))
        return batches.map { (bits($0), $0.labels) }
      }
    }
    for other in batches[1...] {
      #expect(other.count == batches[0].count)
      let isSame = zip(other, batches[0]).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
      #expect(isSame)
    }
  }

  @Test("many threads read one archive at once")
  func threads() throws {
    let images = (0..<200).map { index in
      (name: "train/a/\(1000 + index).png", bytes: file(UInt8(index)))
    }
    let path = try folder.write("a.tar", tar(images + [("test/a/1.png", file())]))
    let train = try ImageDatasets.open(path).train
    let values = AlignedBuffer<Float>(count: 200)
    parallelFor(200, threads: 8) { index, _ in
      values.base[index] = (try? train.image(index)).map { Float($0.pixels[0]) } ?? -1
    }
    #expect(values.elements.enumerated().allSatisfy { Float($0.offset) == $0.element })
  }

  @Test("train.tar beside test.tar or val.tar: the class is the folder that an image lies in")
  func twoArchives() throws {
    try write("train.tar", "x/y/b/1.png", "x/z/a/2.png", "x/y/a/1.png", "top.png", ".h/1.png")
    try write("val.tar", "a/1.png", "./b/1.png")
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.classNames == ["a", "b"])
    #expect(
      names(sets.train) == ["x/y/a/1.png", "x/z/a/2.png", "x/y/b/1.png"].map { "train.tar: \($0)" })
    #expect(names(sets.test) == ["val.tar: a/1.png", "val.tar: b/1.png"])
    try write("test.tar", "a/1.png", "a/2.png", "b/1.png")
    #expect(try ImageDatasets.open(folder.path).test.count == 3)
  }

  @Test("an archive of one archive a class, beside a folder to test with, as with ImageNet")
  func archivesOfClasses() throws {
    let classes = ["n02", "n01"].map { name in
      ("\(name).tar", tar([("\(name)_2.png", file(2)), ("\(name)_1.png", file(1))]))
    }
    try folder.write("train.tar", tar(classes))
    for name in ["n01", "n02"] { try folder.write("val/\(name)/1.png", file()) }
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.classNames == ["n01", "n02"])
    #expect(
      names(sets.train)
        == ["n01.tar/n01_1", "n01.tar/n01_2", "n02.tar/n02_1", "n02.tar/n02_2"].map {
          "train.tar: \($0).png"
        })
    #expect(try (0..<4).map { try sets.train.image($0).pixels[0] } == [1, 2, 1, 2])
    #expect((0..<4).map { sets.train.label($0) } == [0, 0, 1, 1])
  }

  @Test("what is missing in an archive is an error that says so")
  func missing() throws {
    try write("a.tar", "train/x.png", "test/a/1.png")
    #expect(try fault("a.tar").fault == .noTrainFolder)
    #expect(try fault("a.tar").description.contains("name it train.tar"))
    try write("a.tar", "train/a/x.png")
    #expect(try fault("a.tar").fault == .nothingToSplit(images: 1))
    try write("a.tar", "p/train/a/x.png", "q/train/a/x.png", "p/test/a/x.png")
    #expect(try fault("a.tar").fault == .severalTops(first: "p/", second: "q/"))
    try write("a.tar", "train/a/x.png", "train/b/x.txt", "test/a/x.png", "test/b/x.png")
    let empty = try fault("a.tar")
    #expect(
      empty
        == DatasetError(
          path: "\(folder.path)/a.tar: train/b", fault: .emptyClass(passedOver: "1 .txt")))
    try write("a.tar", "train/a/x.png", "test/a/x.png", "test/b/x.png")
    #expect(try fault("a.tar").fault == .classMismatch(name: "b", missingIn: "train"))
    try folder.write("a.tar", [0x1F, 0x8B] + [UInt8](repeating: 1, count: 2000))
    #expect(try fault("a.tar").fault == .archive(.checksum, offset: 0))
    try folder.remove("a.tar")

    try write("train.tar", "a/x.png")
    #expect(try fault().fault == .nothingToSplit(images: 1))
    try write("test.tar", "b/x.png")
    let mismatch = try fault()
    #expect(mismatch.fault == .classMismatch(name: "a", missingIn: "test.tar"))
    #expect(mismatch.description.contains("'a' is missing in test.tar, expected"))
    try write("test.tar", "x.png")
    #expect(try fault().fault == .nothingToSplit(images: 1))
  }

  @Test("a folder with an archive of another name is told that the archive can be given itself")
  func otherName() throws {
    try write("all.tar", "train/a/x.png", "test/a/x.png")
    let error = try fault()
    #expect(error.fault == .unrecognized(archive: "all.tar"))
    #expect(error.description.hasSuffix("if all.tar holds train/ and test/, give its own path"))
  }

  @Test("a damaged image in an archive is named with the archive and its place in it")
  func damagedImage() throws {
    let path = try folder.write("a.tar", tar([("train/a/1.png", [1, 2]), ("test/a/1.png", [])]))
    let sets = try ImageDatasets.open(path)
    for (set, name) in [(sets.train, "train/a/1.png"), (sets.test, "test/a/1.png")] {
      let error = #expect(throws: ImageError.self) { try set.image(0) }
      #expect(error?.name == "\(path): \(name)")
    }
  }
}
