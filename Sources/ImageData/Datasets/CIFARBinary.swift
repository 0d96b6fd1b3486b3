import Files

/// One side of CIFAR-10 or CIFAR-100 in the binary version: records of one or two label bytes and
/// 32 × 32 pixels, all red values first, then green, then blue.
struct CIFARBinary: ImageDataset {
  /// What distinguishes the two.
  struct Layout {
    /// Bytes before the pixels; the last of them is the label (CIFAR-100's first is the coarse one).
    let labelBytes: Int
    let trainFiles: [String]
    let testFile: String
    let namesFile: String
    /// The names where there is no file of them.
    let defaultNames: [String]
    /// The folder that the archive unpacks to.
    let folder: String

    static let cifar10 = Layout(
      labelBytes: 1, trainFiles: (1...5).map { "data_batch_\($0).bin" },
      testFile: "test_batch.bin", namesFile: "batches.meta.txt",
      defaultNames: [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
      ],
      folder: "cifar-10-batches-bin")

    static let cifar100 = Layout(
      labelBytes: 2, trainFiles: ["train.bin"], testFile: "test.bin",
      namesFile: "fine_label_names.txt", defaultNames: (0..<100).map(String.init),
      folder: "cifar-100-binary")

    /// Whether a folder with these files is meant to be this data set, if perhaps an incomplete one.
    func matches(_ listing: FolderListing) -> Bool {
      (trainFiles + [testFile]).contains { listing.files.contains($0) }
    }
  }

  private static let side = 32
  private static let area = side * side

  let classNames: [String]
  private let files: [RecordFile]
  private let labelBytes: Int

  /// A whole file, and where in the data set its records start.
  private struct RecordFile {
    let path: String
    let bytes: [UInt8]
    let start: Int
  }

  init(paths: [String], layout: Layout, classNames: [String]) throws {
    self.classNames = classNames
    labelBytes = layout.labelBytes
    let record = labelBytes + 3 * Self.area
    var files: [RecordFile] = []
    var start = 0
    for path in paths {
      let bytes = try readFile(path)
      guard bytes.count > 0, bytes.count.isMultiple(of: record) else {
        throw DatasetError(
          path: path, fault: .recordLength(found: bytes.count, record: record))
      }
      for offset in stride(from: labelBytes - 1, to: bytes.count, by: record)
      where Int(bytes[offset]) >= classNames.count {
        throw DatasetError(
          path: path,
          fault: .label(found: Int(bytes[offset]), offset: offset, classes: classNames.count))
      }
      files.append(RecordFile(path: path, bytes: bytes, start: start))
      start += bytes.count / record
    }
    self.files = files
    count = start
  }

  /// Both sides of the data set in a folder.
  static func pair(
    _ listing: FolderListing, _ layout: Layout
  ) throws -> (train: CIFARBinary, test: CIFARBinary) {
    var names = layout.defaultNames
    if listing.files.contains(layout.namesFile) {
      let path = listing.path(layout.namesFile)
      let lines = try String(decoding: readFile(path), as: UTF8.self)
        .split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
      guard lines.count == names.count else {
        throw DatasetError(
          path: path, fault: .classNames(found: lines.count, expected: names.count))
      }
      names = lines.map(String.init)
    }
    return (
      try CIFARBinary(
        paths: layout.trainFiles.map(listing.path), layout: layout, classNames: names),
      try CIFARBinary(paths: [listing.path(layout.testFile)], layout: layout, classNames: names)
    )
  }

  let count: Int

  func label(_ index: Int) -> Int {
    let (file, offset) = place(index)
    return Int(file.bytes[offset + labelBytes - 1])
  }

  func name(_ index: Int) -> String {
    let (file, offset) = place(index)
    return "\(file.path) record \(offset / (labelBytes + 3 * Self.area))"
  }

  func content(_ index: Int) throws -> ImageContent {
    let (file, offset) = place(index)
    var pixels = [UInt8]()
    pixels.reserveCapacity(3 * Self.area)
    for position in offset + labelBytes..<offset + labelBytes + Self.area {
      for channel in 0..<3 { pixels.append(file.bytes[position + channel * Self.area]) }
    }
    return .pixels(Image(width: Self.side, height: Self.side, channels: 3, pixels: pixels))
  }

  /// Its number.
  func key(_ index: Int) -> String { "\(index)" }

  /// Names say nothing here: the bytes do.
  func addIdentity(to hash: inout SHA256) {
    for file in files { hash.update(file.bytes) }
  }

  /// The file of image `index`, and the byte its record starts at.
  private func place(_ index: Int) -> (RecordFile, Int) {
    precondition((0..<count).contains(index), "image \(index) of \(count)")
    // At most five files: nothing to search cleverly. The first starts at 0, so one is found.
    let file = files.last { $0.start <= index }!
    return (file, (index - file.start) * (labelBytes + 3 * Self.area))
  }
}
