import CZlib
import Files
import ImageData
import MXRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension FuzzTarget {
  /// IDX: the bytes as images and as labels, plain or compressed by gzip, with valid files beside
  /// them.
  static func idx(in folder: String, isCompressed: Bool) throws -> FuzzTarget {
    let ending = isCompressed ? ".gz" : ""
    let (asImages, asLabels) = ("\(folder)/idx-images\(ending)", "\(folder)/idx-labels\(ending)")
    let images = file([0x803, 4, 3, 2], 24)
    let labels = file([0x801, 4], 4)
    for set in [asImages, asLabels] {
      try makeFolder(set)
      try write("\(set)/train-images-idx3-ubyte\(ending)", images)
      try write("\(set)/train-labels-idx1-ubyte\(ending)", labels)
      try write("\(set)/t10k-images-idx3-ubyte", images)
      try write("\(set)/t10k-labels-idx1-ubyte", labels)
    }
    let plain = [images, labels, file([0x803, 4, 28, 28], 4 * 784), file([0x803, 4, 1, 1], 4)]
    let seeds =
      isCompressed
      ? plain.map { gzip($0) } + [
        gzip(Array(images.prefix(20))) + gzip(Array(images.suffix(20))), images,
        gzip(file([0x803, 4, 100, 100], 40_000)),
      ] : plain
    // As published, the file is there by one name: the folder of images has it, the other one
    // links.
    let path = "\(asImages)/train-images-idx3-ubyte\(ending)"
    return FuzzTarget(
      name: isCompressed ? "IDX, gzip" : "IDX", seeds: seeds, path: path,
      tables: isCompressed ? 1 << 18 : 1 << 16,
      repair: isCompressed ? { gunzipped, random in recompressed(gunzipped, &random) } : nil,
      unpacked: { inflatedLength($0) }
    ) { bytes in
      let isRead = try tolerating { try readAll(asImages) }
      try write("\(asLabels)/train-labels-idx1-ubyte\(ending)", bytes)
      if isRead {
        try tolerating { try readAll(asLabels) }
      } else {
        try readAll(asLabels)
      }
    }
  }

  /// CIFAR-10's binary version: the bytes as its test side.
  static func cifar(in folder: String) throws -> FuzzTarget {
    let set = "\(folder)/cifar"
    try makeFolder(set)
    let record = [3] + (0..<3072).map { UInt8(truncatingIfNeeded: $0 * 31) }
    for index in 1...5 { try write("\(set)/data_batch_\(index).bin", record) }
    return FuzzTarget(
      name: "CIFAR", seeds: [record, record + [9] + record.dropFirst()],
      path: "\(set)/test_batch.bin", tables: 1 << 16,
      repair: { file, random in
        // Whole records: else their length is all that is ever looked at.
        let count = (file.count + 3072) / 3073 * 3073
        return file + [UInt8](repeating: 7, count: count - file.count)
      }
    ) { _ in try readAll(set) }
  }

  /// Opens a data set and reads its first and last images.
  static func readAll(_ set: String) throws {
    let sets = try ImageDatasets.open(set)
    for side in [sets.train, sets.test] where side.count > 0 {
      for index in Set([0, side.count / 2, side.count - 1]) {
        _ = (side.label(index), side.name(index))
        try tolerating { _ = try side.content(index) }
      }
    }
  }

  static func makeFolder(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw FileError("create", path) }
  }

  static func write(_ path: String, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor(creating: path)
    try bytes.withUnsafeBytes { try file.write($0) }
  }

  private static func file(_ words: [UInt32], _ count: Int) -> [UInt8] {
    words.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) } }
      + (0..<count).map { UInt8($0 % 10) }
  }

  /// The content with two bytes changed in its first twenty, compressed anew: so damage gets behind
  /// the checksum.
  private static func recompressed(_ file: [UInt8], _ random: inout RandomSequence) -> [UInt8] {
    guard random.integer(below: 2) == 0 else { return file }
    var content = inflated(file, limit: 1 << 18)
    guard content.count > 0 else { return gzip(file) }
    for _ in 0..<random.integer(below: 3) {
      let place = random.integer(below: min(20, content.count))
      content[place] = UInt8(truncatingIfNeeded: random.nextBits())
    }
    return gzip(content)
  }

  /// How many bytes come out of a gzip file before its end or first fault.
  private static func inflatedLength(_ file: [UInt8]) -> Int {
    file.starts(with: [0x1F, 0x8B]) ? inflated(file, limit: 1 << 24).count : 0
  }
}
