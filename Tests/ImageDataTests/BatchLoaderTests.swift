import Fuzzing
import ImageData
import MXRuntime
import Testing

@Suite("Batches")
struct BatchLoaderTests {
  private func loader(
    _ dataset: SyntheticDataset, batchSize: Int = 8, training: Bool = true, workers: Int = 2,
    cache: Int = 1, share: Double = 0
  ) throws -> BatchLoader {
    try BatchLoader(
      dataset: dataset, preprocessing: rawValues(4, cropPadding: 1, flipProbability: 0.5),
      options: LoaderOptions(
        batchSize: batchSize, training: training, seed: 11, workers: workers, cacheMegabytes: cache,
        maximumBrokenShare: share))
  }

  @Test("1, 2 and 5 workers, with and without a cache, make the same batches to the bit")
  func workers() throws {
    let broken: Set<Int> = [3, 30, 31, 77]
    var expected: [[[UInt32]]] = []
    for (workers, cache) in [(1, 0), (2, 0), (5, 0), (5, 1)] {
      let loader = try loader(
        SyntheticDataset(count: 100, broken: broken), workers: workers, cache: cache, share: 0.1)
      var found: [[[UInt32]]] = []
      for epoch in 0..<3 {
        let batches = try allBatches(loader, epoch: epoch)
        found.append(batches.map(bits))
        found.append(batches.map { $0.labels.map(UInt32.init) })
      }
      #expect(loader.skipped.count == 4)
      if expected.isEmpty { expected = found }
      #expect(found == expected, "\(workers) workers, cache of \(cache) MiB")
    }
    #expect(expected[0] != expected[2])
  }

  @Test(
    "an epoch shows every image once, in the order of its permutation; the last batch is smaller")
  func order() throws {
    let loader = try loader(SyntheticDataset(count: 21))
    #expect(loader.batchesPerEpoch == 3)
    let batches = try allBatches(loader, epoch: 4)
    #expect(batches.map(\.count) == [8, 8, 5])
    #expect(batches.map(\.index) == [0, 1, 2])
    #expect(batches.allSatisfy { $0.images.count == $0.count * 16 })
    var shuffle = RandomStream(seed: 11, purpose: .shuffle, step: 4).sequence(item: 0)
    #expect(batches.flatMap(\.labels) == shuffle.permutation(21).map { $0 % 2 })
  }

  @Test(
    "a step's images are dealt out to its batches, and repeats of an image come into different ones"
  )
  func dealing() throws {
    func options(dropsLast: Bool) -> LoaderOptions {
      LoaderOptions(
        batchSize: 4, batchesPerStep: 3, dropsLast: dropsLast, training: true, seed: 11, workers: 2)
    }
    var preprocessing = rawValues(4)
    preprocessing.augmentation.repeats = 3
    let dataset = SyntheticDataset(count: 29)
    let loader = try BatchLoader(
      dataset: dataset, preprocessing: preprocessing, options: options(dropsLast: false))
    let batches = try allBatches(loader, epoch: 0)
    // Two whole steps; then five images: two, two and one.
    #expect(batches.map(\.count) == [4, 4, 4, 4, 4, 4, 2, 2, 1] && loader.batchesPerEpoch == 9)
    var shuffle = RandomStream(seed: 11, purpose: .shuffle, step: 0).sequence(item: 0)
    let order = shuffle.permutation(29)
    for (number, batch) in batches.enumerated() {
      let (step, part) = (number / 3, number % 3)
      let places = (0..<batch.count).map { order[(step * 12 + part + 3 * $0) / 3] }
      #expect(batch.places == places && batch.index == number)
      #expect(Set(batch.places).count == batch.count)
    }
    // Without the last, and from the middle of the epoch on.
    let whole = try BatchLoader(
      dataset: dataset, preprocessing: preprocessing, options: options(dropsLast: true))
    #expect(try allBatches(whole, epoch: 0).map(bits) == batches.prefix(6).map(bits))
    let rest = try allBatches(loader, epoch: 0, from: 3)
    #expect(rest.map(bits) == batches.dropFirst(3).map(bits))
    #expect(throws: LoaderError.noWholeBatch(images: 11, batchSize: 12)) {
      _ = try BatchLoader(
        dataset: SyntheticDataset(count: 11), preprocessing: preprocessing,
        options: options(dropsLast: true))
    }
  }

  @Test("images that stand for a data set are spread over its classes, and over each class")
  func spread() {
    // Classes take turns: 0, 1, 0, 1, …
    let few = SyntheticDataset(count: 20).spread(5)
    #expect(few.count == 5 && few.classCounts.sorted() == [2, 3])
    let names = (0..<5).map(few.name)
    #expect(names == [0, 1, 6, 11, 12].map { "synthetic record \($0)" })
    #expect(SyntheticDataset(count: 4).spread(9).count == 4)
    #expect(SyntheticDataset(count: 20).spread(1).count == 1)
  }

  @Test("an epoch resumed at a batch goes on as it would have")
  func resume() throws {
    let whole = try allBatches(loader(SyntheticDataset(count: 50)), epoch: 2).map(bits)
    for start in 0...7 {
      let rest = try allBatches(loader(SyntheticDataset(count: 50)), epoch: 2, from: start)
      #expect(rest.map(bits) == Array(whole[start...]))
    }
  }

  @Test("with a cache, each image is read once, however many epochs there are")
  func cache() throws {
    let cached = SyntheticDataset(count: 40)
    let cachedLoader = try loader(cached)
    let uncached = SyntheticDataset(count: 40)
    let uncachedLoader = try loader(uncached, cache: 0)
    for epoch in 0..<3 {
      _ = try allBatches(cachedLoader, epoch: epoch)
      _ = try allBatches(uncachedLoader, epoch: epoch)
    }
    #expect(cached.readCount == 40)
    #expect(uncached.readCount == 120)
  }

  @Test("a cache keeps no more than its bound")
  func cacheBound() throws {
    // 512 × 512 grey: 256 KiB each, with the array's header just too much for a fourth in 1 MiB.
    let dataset = SyntheticDataset(count: 6, size: 512)
    let loader = try BatchLoader(
      dataset: dataset, preprocessing: rawValues(512),
      options: LoaderOptions(batchSize: 2, workers: 1, cacheMegabytes: 1))
    for _ in 0..<2 { _ = try allBatches(loader) }
    #expect(dataset.readCount == 6 + 3)
  }

  @Test("files of a data set on disk become batches")
  func files() throws {
    let folder = try TemporaryFolder()
    for side in ["train", "test"] {
      for (name, value) in [("a", 10), ("b", 200)] as [(String, UInt8)] {
        let image = Image(
          width: 8, height: 8, channels: 1, pixels: Array(repeating: value, count: 64))
        try folder.write("\(side)/\(name)/1.jpg", jpeg(image))
      }
    }
    let loader = try BatchLoader(
      dataset: ImageDatasets.open(folder.path).test, preprocessing: rawValues(4, channels: 3),
      options: LoaderOptions(batchSize: 2))
    let batch = try #require(try loader.epoch(0).next())
    #expect(batch.labels == [0, 1] && batch.channels == 3 && batch.imageSize == 4)
    #expect(pixels(batch, 0).allSatisfy { abs($0 - 10) <= 1 })
    #expect(pixels(batch, 1).allSatisfy { abs($0 - 200) <= 1 })
  }
}
