import Fuzzing
import ImageData
import MXRuntime
import Testing

@Suite("Augmented batches")
struct AugmentedBatchTests {
  private static let files = 23

  /// JPEG and PNG files of many sizes, colours and grey.
  private func dataset(_ folder: TemporaryFolder) throws -> any ImageDataset {
    for index in 0..<Self.files {
      let image = pattern(20 + 9 * index, 90 - 3 * index, index % 5 == 0 ? 1 : 3, start: index)
      let file = index % 3 == 0 ? try PNGEncoder.encode(image, name: "x") : jpeg(image)
      try folder.write("train/\(index % 4)/\(index)", file)
      try folder.write("train/\(index % 4)/\(index).jpg", file)
      try folder.remove("train/\(index % 4)/\(index)")
    }
    for label in 0..<4 { try folder.write("test/\(label)/0.jpg", jpeg(pattern(8, 8, 3))) }
    return try ImageDatasets.open(folder.path).train
  }

  /// Everything on.
  private var preprocessing: Preprocessing {
    var augmentation = Augmentation()
    augmentation.crop = .resized
    augmentation.flipProbability = 0.5
    augmentation.policy = AugmentationPolicy("rand-m9-n3-mstd0.5-p0.9-inc1")!
    augmentation.colorJitter = 0.3
    augmentation.erasingProbability = 0.5
    augmentation.repeats = 3
    (augmentation.mixing.mixup, augmentation.mixing.cutmix) = (0.8, 1)
    return Preprocessing(
      imageSize: 16, channels: 3, mean: [0.5, 0.4, 0.3], standardDeviation: [0.2, 0.2, 0.2],
      augmentation: augmentation)
  }

  private func batches(
    _ dataset: any ImageDataset, workers: Int = 2, cache: Int = 1, epoch: Int = 3, from: Int = 0
  ) throws -> [Batch] {
    let loader = try BatchLoader(
      dataset: dataset, preprocessing: preprocessing,
      options: LoaderOptions(
        batchSize: 5, training: true, seed: 8, workers: workers, cacheMegabytes: cache))
    // The second of two epochs meets a cache that is full.
    if cache > 0 { _ = try allBatches(loader, epoch: epoch) }
    return try allBatches(loader, epoch: epoch, from: from)
  }

  private func isSame(_ some: [Batch], _ others: [Batch]) -> Bool {
    some.map(bits) == others.map(bits) && some.map(\.labels) == others.map(\.labels)
      && some.map(\.mixedShare) == others.map(\.mixedShare)
  }

  @Test("with everything on, 1, 2 and 5 workers and any cache make the same batches to the bit")
  func workers() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder)
    let expected = try batches(dataset, workers: 1, cache: 0)
    #expect(expected.map(\.count) == [5, 5, 5, 5, 3])
    #expect(Set(expected.map(\.mixedShare)).count == 5)
    for (workers, cache) in [(2, 0), (5, 0), (1, 1), (5, 1)] {
      let isEqual = isSame(try batches(dataset, workers: workers, cache: cache), expected)
      #expect(isEqual, "\(workers) workers, cache of \(cache) MiB")
    }
    let isOther = !isSame(try batches(dataset, epoch: 4), expected)
    #expect(isOther)
  }

  @Test("with everything on, an epoch resumed in the middle goes on as it would have")
  func resume() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder)
    let whole = try batches(dataset, cache: 0)
    for start in [2, 4, 5] {
      let rest = try batches(dataset, workers: 5, cache: 0, from: start)
      let isEqual = isSame(rest, Array(whole[start...]))
      #expect(isEqual, "from batch \(start)")
    }
  }

  @Test("the preview makes the loader's own samples")
  func preview() throws {
    let folder = try TemporaryFolder()
    let dataset = try dataset(folder)
    var preprocessing = preprocessing
    preprocessing.augmentation.mixing = Mixing()
    preprocessing.augmentation.repeats = 1
    let loader = try BatchLoader(
      dataset: dataset, preprocessing: preprocessing,
      options: LoaderOptions(batchSize: Self.files, training: true, seed: 8))
    let batch = try #require(try loader.epoch(0).next())
    var shuffle = RandomStream(seed: 8, purpose: .shuffle, step: 0).sequence(item: 0)
    let length = 3 * 16 * 16
    for (place, index) in shuffle.permutation(Self.files).enumerated() {
      let sample = try preprocessing.augmented(dataset.content(index), seed: 8, index: index)
      let isSame = sample == Array(batch.images.elements[place * length..<(place + 1) * length])
      #expect(isSame, "image \(index)")
    }
  }

  @Test("the policy's operations come after the flip, erasing comes last")
  func order() throws {
    var preprocessing = rawValues(16, channels: 3, flipProbability: 1)
    preprocessing.augmentation.policy = .threeAugment
    let image = pattern(16, 16, 3)
    let mirrored = Image(
      width: 16, height: 16, channels: 3,
      pixels: (0..<768).map { image.pixels[($0 / 48 * 16 + 15 - $0 / 3 % 16) * 3 + $0 % 3] })
    let fill: [UInt8] = [0, 0, 0]
    let (grey, solarized) = (
      mirrored.applying(.grayscale, fill: fill), mirrored.applying(.solarize(128), fill: fill)
    )
    var found: [Image] = []
    for index in 0..<40 {
      let values = try preprocessing.augmented(.pixels(image), seed: 6, index: index)
      found.append(try preprocessing.image(of: values))
      // The same draws with a rectangle erased: all else is as before.
      preprocessing.augmentation.erasingProbability = 1
      let erased = try preprocessing.augmented(.pixels(image), seed: 6, index: index)
      preprocessing.augmentation.erasingProbability = 0
      let changed = (0..<256).filter { place in
        (0..<3).contains { values[$0 * 256 + place] != erased[$0 * 256 + place] }
      }
      let (rows, columns) = (Set(changed.map { $0 / 16 }), Set(changed.map { $0 % 16 }))
      #expect(!changed.isEmpty && changed.count == rows.count * columns.count)
    }
    #expect(found.count { $0 == grey } > 3 && found.count { $0 == solarized } > 3)
    #expect(found.count { $0 != grey && $0 != solarized } > 3)
    #expect(!found.contains(mirrored))
  }

  @Test("colour jitter changes colours of samples, within its range")
  func jitter() throws {
    var preprocessing = rawValues(4, channels: 3)
    preprocessing.augmentation.colorJitter = 0.2
    let image = Image(
      width: 4, height: 4, channels: 3, pixels: Array(repeating: 100, count: 48))
    // Of a flat grey, only brightness changes anything: by a fifth at most.
    let values = try (0..<200).map {
      try Int(preprocessing.augmented(.pixels(image), seed: 1, index: $0)[0].rounded())
    }
    #expect(values.allSatisfy { (79...120).contains($0) })
    #expect(Set(values).count > 25 && values.min()! < 84 && values.max()! > 116)
  }

  @Test("repeats lie side by side, each augmented anew; the epoch has as many fewer images")
  func repeats() throws {
    var preprocessing = rawValues(6, cropPadding: 3, flipProbability: 0.5)
    func epoch(_ repeats: Int) throws -> [[Int]] {
      preprocessing.augmentation.repeats = repeats
      let loader = try BatchLoader(
        dataset: SyntheticDataset(count: 20, size: 6), preprocessing: preprocessing,
        options: LoaderOptions(batchSize: 20, training: true, seed: 4))
      let batch = try #require(try loader.epoch(2).next())
      #expect(batch.count == 20)
      return (0..<20).map { pixels(batch, $0) }
    }
    var shuffle = RandomStream(seed: 4, purpose: .shuffle, step: 2).sequence(item: 0)
    let order = shuffle.permutation(20)
    // What is not black of an image's sample is its own: they differ by the value they start with.
    let found = try epoch(3)
    for place in 0..<20 {
      let own = Set(pattern(6, 6, 1, start: order[place / 3]).pixels.map(Int.init))
      #expect(Set(found[place]).subtracting([0]).isSubset(of: own))
    }
    #expect(Set(found.prefix(18)).count > 14)
    // The first repeat is the image's only one where there are no repeats.
    let once = try epoch(1)
    for place in stride(from: 0, to: 20, by: 3) { #expect(found[place] == once[place / 3]) }
  }

  @Test("evaluation shows the middle of what the crop ratio leaves, and nothing random")
  func cropRatio() throws {
    let image = pattern(30, 20, 1)
    var preprocessing = preprocessing
    (preprocessing.channels, preprocessing.mean, preprocessing.standardDeviation) = (1, [0], [1])
    (preprocessing.imageSize, preprocessing.cropRatio) = (10, 0.5)
    let values = try preprocessing.prepared(.pixels(image))
    // ⌊10 / 0.5⌋ is the image's own height: no resizing, columns 10 to 19 of rows 5 to 14.
    let expected = (5..<15).flatMap { y in (10..<20).map { image.pixels[y * 30 + $0] } }
    let isEqual = try preprocessing.image(of: values).pixels == expected
    #expect(isEqual)
  }

  @Test("an augmentation that cannot be is an error that names its setting")
  func settings() throws {
    func name(_ change: (inout Augmentation) -> Void) throws -> String {
      var preprocessing = preprocessing
      change(&preprocessing.augmentation)
      let error = try #require(
        #expect(throws: LoaderError.self) {
          try preprocessing.augmented(.pixels(pattern(4, 4, 3)), seed: 0, index: 0)
        })
      guard case .setting(let name, _, _) = error else { return "\(error)" }
      return name
    }
    #expect(try name { $0.scale = 0...1 } == "scale")
    #expect(try name { $0.scale = 0.5...1.5 } == "scale")
    #expect(try name { $0.ratio = 0...1 } == "ratio")
    #expect(try name { $0.colorJitter = .nan } == "colorJitter")
    #expect(try name { $0.erasingProbability = 2 } == "erasingProbability")
    #expect(try name { $0.repeats = 0 } == "repeats")
    #expect(try name { $0.mixing.cutmix = -1 } == "mixing.cutmix")
    #expect(try name { $0.mixing.switchProbability = 1.1 } == "mixing.switchProbability")
  }
}
