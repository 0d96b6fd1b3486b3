import Fuzzing
import ImageData
import Testing

@Suite("Data sets without labelled test images")
struct SplitTests {
  private let folder: TemporaryFolder
  private let file = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[9]])

  init() throws { folder = try TemporaryFolder() }

  /// Class folders of these sizes, all in `place`.
  private func write(_ place: String, _ classes: [String: Int]) throws {
    for (name, count) in classes {
      for item in 0..<count { try folder.write("\(place)\(name)/\(item).png", file) }
    }
  }

  private func keys(_ dataset: any ImageDataset) -> Set<String> {
    Set((0..<dataset.count).map { "\(dataset.label($0)) \(dataset.key($0))" })
  }

  @Test("class folders alone, or a lone train/, are split class by class, and that is said")
  func shares() throws {
    try write("plain/", ["a": 10, "b": 41, "c": 2, "d": 1])
    try write("lone/train/", ["a": 10, "b": 41, "c": 2, "d": 1])
    for name in ["plain", "lone"] {
      let sets = try ImageDatasets.open("\(folder.path)/\(name)")
      #expect(sets.test.classCounts == [2, 8, 1, 0], "\(name)")
      #expect(sets.train.classCounts == [8, 33, 1, 1] && sets.unsplit?.count == 54)
      #expect(keys(sets.train).isDisjoint(with: keys(sets.test)))
      #expect(keys(sets.train).union(keys(sets.test)).count == 54)
      #expect(
        sets.notes == [
          "no labelled test images: 11 of the 54 images, data.validation_share=0.2 of each class, are "
            + "tested with and not trained on (but for 1 class with a single image or none)"
        ])
    }
  }

  @Test(
    "which images are kept follows from seed and names, not from where and in which order they lie")
  func names() throws {
    try write("plain/", ["a": 50, "b": 50])
    let entries = ["b", "a"].flatMap { name in
      (0..<50).reversed().map { ("\(name)/\($0).png", file) }
    }
    try folder.write("all.tar", tar(entries))
    try folder.write("wrapped.tar", tar(entries.map { ("photos/\($0.0)", $0.1) }))
    let sets = try ["plain", "all.tar", "wrapped.tar"].map {
      try ImageDatasets.open("\(folder.path)/\($0)")
    }
    for other in sets[1...] {
      #expect(keys(other.test) == keys(sets[0].test))
      #expect(other.train.fingerprint == sets[0].train.fingerprint)
    }
    let seeded = try ImageDatasets.open(
      "\(folder.path)/plain", split: ValidationSplit(share: 0.2, seed: 1))
    #expect(keys(seeded.test) != keys(sets[0].test) && seeded.test.classCounts == [10, 10])
    #expect(seeded.train.fingerprint != sets[0].train.fingerprint)
    // More of the same order: a larger share keeps what a smaller one does.
    let half = try ImageDatasets.open("\(folder.path)/plain", split: ValidationSplit(share: 0.5))
    #expect(keys(half.test).isSuperset(of: keys(sets[0].test)) && half.test.count == 50)
    // An image more moves at most one.
    try folder.write("plain/a/new.png", file)
    let grown = try ImageDatasets.open("\(folder.path)/plain")
    #expect(keys(grown.test).intersection(keys(sets[0].test)).count >= 19)
  }

  @Test("a class may be called train, and an archive may be unpacked into a folder of its own")
  func oddPlaces() throws {
    try write("vehicles/", ["train": 5, "bus": 5, "car": 5])
    let vehicles = try ImageDatasets.open("\(folder.path)/vehicles")
    #expect(vehicles.train.classNames == ["bus", "car", "train"] && vehicles.test.count == 3)
    try write("download/photos/train/", ["a": 2, "b": 2])
    try write("download/photos/validation/", ["a": 1, "b": 1])
    let inner = try ImageDatasets.open("\(folder.path)/download")
    #expect(inner.source == "class folders in \(folder.path)/download/photos")
    #expect(inner.train.count == 4 && inner.test.count == 2)
  }

  @Test("a folder beside a data set's folder makes no classes of the two")
  func notPlain() throws {
    try write("photos/train/", ["a": 2, "b": 2])
    try write("", ["other": 2])
    let error = #expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) }
    #expect(error?.fault == .unrecognized(archive: nil))
  }

  @Test(
    "test sides have many names, in any case",
    arguments: ["val", "valid", "validation", "Validation", "testing", "Test"])
  func sideNames(name: String) throws {
    let train = name == "Test" ? "Training" : "train"
    try write("\(train)/", ["a": 2, "b": 2])
    try write("\(name)/", ["a": 1, "b": 1])
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.count == 4 && sets.test.count == 2 && sets.unsplit == nil)
    let entries = [train, name].flatMap { side in
      ["a", "b"].map { ("\(side)/\($0)/1.png", file) }
    }
    let archive = try folder.write("x/all.tar", tar(entries))
    let packed = try ImageDatasets.open(archive)
    #expect(packed.train.count == 2 && packed.test.count == 2 && packed.unsplit == nil)
  }

  @Test(
    "a test/ without labels is passed over for val/, or else some training images are kept; both is said"
  )
  func flatTest() throws {
    try write("train/", ["a": 5, "b": 5])
    try write("val/", ["a": 1, "b": 2])
    for item in 0..<3 { try folder.write("test/\(item).png", file) }
    let sets = try ImageDatasets.open(folder.path)
    #expect(sets.test.count == 3)
    let unlabelled = "test has no class folders, so that its images have no labels"
    #expect(sets.notes == ["\(unlabelled): tested with val instead"])
    try folder.remove("val")
    let split = try ImageDatasets.open(folder.path)
    #expect(split.test.count == 2 && split.notes.first == unlabelled && split.notes.count == 2)
    // As Keras wants it: all in one folder of no class.
    try write("val/", ["a": 1, "b": 2])
    try write("test/", ["unknown": 3])
    #expect(try ImageDatasets.open(folder.path).test.count == 3)
    // Two labelled ones: test/ as ever, and the other is said.
    try folder.remove("test")
    try write("test/", ["a": 1, "b": 1])
    let both = try ImageDatasets.open(folder.path)
    #expect(both.test.count == 2 && both.notes == ["tested with test; not used: val"])
  }

  @Test("where no class can spare an image there is an error, and so for images without folders")
  func nothing() throws {
    try write("train/", ["a": 1, "b": 1])
    func fault(_ path: String) throws -> DatasetError.Fault {
      try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(path) }).fault
    }
    #expect(try fault(folder.path) == .nothingToSplit(images: 2))
    try folder.write("flat/1.png", file)
    #expect(try fault("\(folder.path)/flat") == .unlabelled(images: 1))
    #expect(
      try fault("\(folder.path)/flat/1.png")
        == .otherFile(kind: "a single PNG image", advice: "give a folder of class folders"))
    let zip = try folder.write("all.zip", Array("PK\u{3}\u{4}…".utf8))
    #expect(
      try fault(zip) == .otherFile(kind: "a ZIP archive", advice: "unpack it and give the folder"))
  }

  @Test("class folders to test with are used whole, unless some of them were trained on")
  func labelled() throws {
    try write("", ["a": 5, "b": 5])
    let split = ValidationSplit()
    let trained = try ImageDatasets.open(folder.path).train.fingerprint
    #expect(try LabelledImages(folder.path, split: split, trainedOn: nil).images.count == 10)
    #expect(try LabelledImages(folder.path, split: split, trainedOn: "other").images.count == 10)
    #expect(try LabelledImages(folder.path, split: split, trainedOn: trained).images.count == 2)
    try write("one/", ["only": 3])
    let one = try LabelledImages("\(folder.path)/one", split: split, trainedOn: nil)
    #expect(one.images.count == 3 && one.images.classNames == ["only"])
    try write("some/val/", ["b": 3])
    #expect(
      try LabelledImages("\(folder.path)/some", split: split, trainedOn: nil).images.count == 3)
  }
}
