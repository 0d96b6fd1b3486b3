import Foundation

/// One side of a data set in WebDataset's form: tar archives, "shards", of samples. A sample is the
/// files of one key, which is a path up to the first dot of the file's name: an image (7.jpg) and
/// its class in decimal (7.cls), in any order and place. Files of other kinds are ignored; images that are not read
/// here are counted.
struct ShardedSamples: ImageDataset {
  let classNames: [String]
  let passedOver: PassedOver
  private let shards: [TarArchive]
  private let images: [TarEntry]
  /// The shard of each image.
  private let places: [Int32]
  private let labels: [Int32]

  /// A class number that is larger is a mistake.
  static let maximumLabel = 1 << 20
  /// Without a list of the classes there are as many as the largest number asks for. This many may be
  /// without a sample, and 64 more for each sample there is: it bounds what one number can make the
  /// process allocate.
  private static let emptyClasses = 1 << 12
  /// How many shards of a side stay open.
  private static let openShards = 128

  /// Reads all headers and labels: shards in the order given, samples as they lie.
  ///
  /// - Parameters:
  ///   - paths: The shards, one at least.
  ///   - classNames: What the classes are called; nil for their numbers, of which there are as many
  ///     as the largest label asks for.
  /// - Throws: `FileError`, `DatasetError`.
  init(_ paths: [String], classNames names: [String]?) throws {
    var images: [TarEntry] = []
    var places: [Int32] = []
    var labels: [Int32] = []
    shards = try paths.map { try TarArchive($0, keepsOpen: paths.count <= Self.openShards) }
    var passedOver = PassedOver()
    for (place, shard) in shards.enumerated() {
      for sample in try Self.samples(shard, &passedOver) {
        images.append(sample.image)
        places.append(Int32(place))
        labels.append(try Self.label(sample, in: shard, classes: names?.count))
      }
    }
    guard let largest = labels.max() else {
      throw DatasetError(path: paths[0], fault: .noSamples)
    }
    let most = Self.emptyClasses + 64 * labels.count
    if names == nil, largest >= most, let place = labels.firstIndex(of: largest) {
      throw DatasetError(
        path: shards[Int(places[place])].path,
        fault: .sampleLabel(key: images[place].name, found: "\(largest)", classes: most))
    }
    classNames = names ?? (0...largest).map(String.init)
    (self.images, self.places, self.labels) = (images, places, labels)
    self.passedOver = passedOver
  }

  /// Whether an archive holds labelled samples. Their labels may come behind all images.
  static func isShard(_ path: String) throws -> Bool {
    let archive = try TarArchive(path)
    return try archive.entries(limit: 64).contains { parts($0)?.kind == "cls" }
      || archive.entries().contains { parts($0)?.kind == "cls" }
  }

  var count: Int { images.count }

  func label(_ index: Int) -> Int { Int(labels[index]) }

  func name(_ index: Int) -> String { shards[Int(places[index])].name(images[index]) }

  func key(_ index: Int) -> String { images[index].name }

  func file(_ index: Int) throws -> [UInt8]? {
    try shards[Int(places[index])].read(images[index])
  }

  func content(_ index: Int) throws -> ImageContent {
    let bytes = try shards[Int(places[index])].read(images[index])
    return .file(try EncodedImage(bytes, name: name(index)))
  }

  private struct Sample {
    let key: String
    let image: TarEntry
    let label: TarEntry
  }

  /// The key of a file, and what it is to the sample; nil for hidden files and those without a
  /// kind.
  private static func parts(_ entry: TarEntry) -> (key: Substring, kind: String)? {
    let nameStart = entry.name.lastIndex(of: "/").map(entry.name.index(after:))
    let name = entry.name[(nameStart ?? entry.name.startIndex)...]
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
    return (entry.name[..<dot], name[name.index(after: dot)...].lowercased())
  }

  /// The samples of a shard, in the order in which their first files lie.
  private static func samples(
    _ shard: TarArchive, _ passedOver: inout PassedOver
  ) throws -> [Sample] {
    var order: [Substring] = []
    var files: [Substring: (image: TarEntry?, label: TarEntry?)] = [:]
    for entry in try shard.entries() {
      guard let (key, kind) = parts(entry) else { continue }
      let isImage = ImageFormat.fileExtensions.contains(".\(kind)")
      guard isImage || kind == "cls" else {
        if ImageFormat.unreadKind(entry.name) != nil { passedOver.add(shard.name(entry)) }
        continue
      }
      if files[key] == nil { order.append(key) }
      // Of several images of a sample the first one counts.
      if isImage {
        if files[key]?.image == nil { files[key, default: (nil, nil)].image = entry }
      } else {
        files[key, default: (nil, nil)].label = entry
      }
    }
    return try order.map { key in
      guard let image = files[key]?.image else {
        throw DatasetError(path: shard.path, fault: .sampleWithoutImage(key: String(key)))
      }
      guard let label = files[key]?.label else {
        throw DatasetError(path: shard.path, fault: .sampleWithoutLabel(key: String(key)))
      }
      return Sample(key: String(key), image: image, label: label)
    }
  }

  private static func label(
    _ sample: Sample, in shard: TarArchive, classes: Int?
  ) throws -> Int32 {
    // A number with its line break is short.
    let bytes = sample.label.size <= 32 ? try shard.read(sample.label) : []
    let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    let limit = classes ?? maximumLabel
    guard let label = Int32(text), (0..<Int32(limit)).contains(label) else {
      throw DatasetError(
        path: shard.path,
        fault: .sampleLabel(
          key: sample.key, found: text.filter { !$0.isNewline }, classes: limit))
    }
    return label
  }
}
