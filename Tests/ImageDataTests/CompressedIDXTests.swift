import Files
import Fuzzing
import ImageData
import Testing

@Suite("IDX files compressed by gzip")
struct CompressedIDXTests {
  private let folder: TemporaryFolder
  private let values = (0..<60).map { UInt8($0) }

  init() throws { folder = try TemporaryFolder() }

  private func file(_ magic: UInt32, _ extents: [UInt32], _ values: [UInt8]) -> [UInt8] {
    ([magic] + extents).flatMap { word in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
    } + values
  }

  private var images: [UInt8] { file(2051, [2, 5, 6], values) }

  /// MNIST's four files under their own names, the training images as given.
  @discardableResult
  private func write(_ bytes: [UInt8]) throws -> String {
    try folder.write("train-labels-idx1-ubyte.gz", gzip(file(2049, [2], [0, 4])))
    try folder.write("t10k-images-idx3-ubyte.gz", gzip(file(2051, [1, 5, 6], values.suffix(30))))
    try folder.write("t10k-labels-idx1-ubyte.gz", gzip(file(2049, [1], [3])))
    return try folder.write("train-images-idx3-ubyte.gz", bytes)
  }

  private func fault() throws -> DatasetError {
    try #require(#expect(throws: DatasetError.self) { try ImageDatasets.open(folder.path) })
  }

  @Test("they are read as published, and in any mixture with plain ones")
  func reading() throws {
    let path = try write(gzip(images))
    var sets = try ImageDatasets.open(folder.path)
    #expect(sets.train.count == 2 && sets.train.label(1) == 4 && sets.test.count == 1)
    #expect(try sets.train.image(1).pixels == Array(30..<60))
    #expect(sets.train.name(1) == "\(path) record 1")
    try folder.remove("t10k-labels-idx1-ubyte.gz")
    try folder.write("t10k-labels-idx1-ubyte", file(2049, [1], [2]))
    sets = try ImageDatasets.open(folder.path)
    #expect(sets.test.label(0) == 2)
    // What a file is, its content decides: some downloads unpack it and leave its name.
    try write(images)
    #expect(try ImageDatasets.open(folder.path).train.image(1).pixels == Array(30..<60))
  }

  @Test("gzip files one after the other are one file, and what is no gzip file behind is ignored")
  func members() throws {
    try write(gzip(Array(images.prefix(30))) + gzip(Array(images.suffix(46))) + [0, 0, 0])
    #expect(try ImageDatasets.open(folder.path).train.image(1).pixels == Array(30..<60))
  }

  @Test("a file cut off anywhere is an error, and so is one with a bit changed")
  func damage() throws {
    let whole = gzip(images)
    for length in [3, 12, 30, whole.count / 2, whole.count - 9, whole.count - 1] {
      let path = try write(Array(whole.prefix(length)))
      let error = try fault()
      #expect(error.path == path && error.description.contains("damaged or cut off"), "\(length)")
    }
    for byte in [whole.count / 2, whole.count - 6, whole.count - 2] {
      var damaged = whole
      damaged[byte] ^= 1
      try write(damaged)
      guard case .compressed = try fault().fault else {
        Issue.record("byte \(byte): \(try fault())")
        continue
      }
    }
  }

  @Test("a file that inflates to more or less than its header claims is an error")
  func length() throws {
    var path = try write(gzip(images + [UInt8](repeating: 0, count: 1 << 20)))
    #expect(try fault() == DatasetError(path: path, fault: .compressedLength(claimed: 76)))
    path = try write(gzip(Array(images.dropLast())))
    #expect(try fault() == DatasetError(path: path, fault: .length(found: 75, claimed: [2, 5, 6])))
    path = try write(gzip(Array(images.prefix(9))))
    #expect(try fault() == DatasetError(path: path, fault: .header(found: 9, expected: 16)))
    path = try write(gzip(file(2049, [2, 5, 6], values)))
    #expect(try fault() == DatasetError(path: path, fault: .magic(found: 2049, expected: 2051)))
  }

  @Test(
    "a header that claims more than so many bytes can inflate to gets no memory",
    arguments: [[.max, .max, .max], [.max, .max, 1], [60_000, 28, 28]] as [[UInt32]])
  func lyingHeader(extents: [UInt32]) throws {
    let path = try write(gzip(file(2051, extents, values)))
    #expect(try fault() == DatasetError(path: path, fault: .length(found: 16, claimed: extents)))
  }

  @Test("a missing file is an error that names it as the others are named")
  func missing() throws {
    try write(gzip(images))
    try folder.remove("train-labels-idx1-ubyte.gz")
    let error = #expect(throws: FileError.self) { try ImageDatasets.open(folder.path) }
    #expect(error?.path == "\(folder.path)/train-labels-idx1-ubyte.gz")
  }
}
