import Files

/// One side of a data set of IDX files (MNIST's format): 8-bit grey images of one size, and labels.
struct IDXFiles: ImageDataset {
  let classNames: [String]
  private let width: Int
  private let height: Int
  private let images: IDXBlock
  private let labels: IDXBlock
  private let valueTable: [UInt8]

  /// Reads a pair of files. `classes` is how many there are; nil for what the largest label asks
  /// for.
  init(images path: String, labels labelPath: String, classes: Int?) throws {
    try self.init(
      images: IDXBlock(path, dimensions: 3), labels: IDXBlock(labelPath, dimensions: 1),
      classes: classes)
  }

  /// A pair of blocks, the images of 3 and the labels of 1 dimension. Values in 0…`maximumValue` are scaled
  /// to 0…255.
  init(images: IDXBlock, labels: IDXBlock, classes: Int?, maximumValue: Int = 255) throws {
    (self.images, self.labels) = (images, labels)
    guard images.count == labels.count else {
      throw DatasetError(
        path: labels.path, fault: .itemCount(images: images.count, labels: labels.count))
    }
    height = images.extents[1]
    width = images.extents[2]
    let labelRange = labels.bytes[labels.start...]
    let classes = classes ?? Int(labelRange.max() ?? 0) + 1
    if let offset = labelRange.firstIndex(where: { Int($0) >= classes }) {
      throw DatasetError(
        path: labels.path,
        fault: .label(found: Int(labels.bytes[offset]), offset: offset, classes: classes))
    }
    classNames = (0..<classes).map(String.init)
    valueTable = (0..<256).map {
      UInt8(min(255, ($0 * 255 + maximumValue / 2) / maximumValue))
    }
  }

  /// The names of the files in a folder, where it has at least the training images. Each may be
  /// compressed, with ".gz" behind its name, as MNIST's are published.
  struct Names {
    let train: (images: String, labels: String)
    let test: (images: String, labels: String)

    init?(_ listing: FolderListing) {
      func pair(_ side: String) -> (images: String, labels: String)? {
        for (mark, ending) in [("-", ""), (".", ""), ("-", ".gz"), (".", ".gz")] {
          let images = "\(side)-images\(mark)idx3-ubyte\(ending)"
          if !listing.files.contains(images) { continue }
          let labels = "\(side)-labels\(mark)idx1-ubyte"
          let found = [labels, "\(labels).gz"].first(where: listing.files.contains)
          return (images, found ?? labels + ending)
        }
        return nil
      }
      guard let train = pair("train") else { return nil }
      self.train = train
      // Where there is no test set, MNIST's name is the one that the error will ask for.
      test = pair("t10k") ?? pair("test") ?? ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    }
  }

  /// Both sides of the data set in a folder.
  static func pair(
    _ listing: FolderListing, _ names: Names
  ) throws -> (train: IDXFiles, test: IDXFiles) {
    let train = try IDXFiles(
      images: listing.path(names.train.images), labels: listing.path(names.train.labels),
      classes: nil)
    let test = try IDXFiles(
      images: listing.path(names.test.images), labels: listing.path(names.test.labels),
      classes: train.classNames.count)
    return (train, test)
  }

  var count: Int { images.count }

  func label(_ index: Int) -> Int { Int(labels.bytes[labels.start + index]) }

  func name(_ index: Int) -> String { "\(images.path) record \(index)" }

  func content(_ index: Int) throws -> ImageContent {
    let start = images.start + index * width * height
    return .pixels(
      Image(
        width: width, height: height, channels: 1,
        pixels: images.bytes[start..<start + width * height].map { valueTable[Int($0)] }))
  }

  /// Its number.
  func key(_ index: Int) -> String { "\(index)" }

  /// Names say nothing here: the bytes do.
  func addIdentity(to hash: inout SHA256) {
    for block in [images, labels] { hash.update(block.bytes) }
  }
}
