import Fuzzing
import ImageData
import Synchronization
import Testing

@Suite("Broken images")
struct BrokenImageTests {
  private func loader(
    count: Int, broken: Set<Int>, share: Double, batchSize: Int = 10, workers: Int = 2,
    onSkip: (@Sendable (SkippedImage) -> Void)? = nil
  ) throws -> BatchLoader {
    try BatchLoader(
      dataset: SyntheticDataset(count: count, broken: broken), preprocessing: rawValues(4),
      options: LoaderOptions(
        batchSize: batchSize, workers: workers, maximumBrokenShare: share),
      onSkip: onSkip)
  }

  @Test("a broken image leaves its batch, is recorded once and reported once")
  func skipping() throws {
    let reports = Mutex<[SkippedImage]>([])
    let loader = try loader(count: 30, broken: [4, 12], share: 0.1) { image in
      reports.withLock { $0.append(image) }
    }
    for epoch in 0..<3 {
      let batches = try allBatches(loader, epoch: epoch)
      #expect(batches.map(\.count) == [9, 9, 10])
      #expect(batches.map(\.images.count) == [9 * 16, 9 * 16, 10 * 16])
      // The images after the gap move up.
      #expect(pixels(batches[0], 4) == pattern(4, 4, 1, start: 5).pixels.map(Int.init))
      #expect(batches[0].labels == [0, 1, 2, 3, 5, 6, 7, 8, 9].map { $0 % 2 })
    }
    #expect(loader.skipped.map(\.index) == [4, 12])
    #expect(loader.skipped.map(\.name) == ["synthetic record 4", "synthetic record 12"])
    #expect(loader.skipped[0].description == "synthetic record 4: torn apart")
    #expect(reports.withLock { $0 } == loader.skipped)
  }

  @Test("a batch of broken images alone is passed over")
  func emptyBatch() throws {
    let loader = try loader(
      count: 40, broken: Set(10..<20).union(30..<40), share: 0.5)
    #expect(try allBatches(loader).map(\.index) == [0, 2])
  }

  @Test("one image in a hundred may be broken, one more is an error at the batch it is in")
  func share() throws {
    let tolerated = try loader(count: 200, broken: [30, 70], share: 0.01)
    #expect(try allBatches(tolerated).count == 20)

    for workers in [1, 5] {
      let loader = try loader(count: 200, broken: [30, 70, 155], share: 0.01, workers: workers)
      let sequence = loader.epoch(0)
      for _ in 0..<15 { #expect(try sequence.next() != nil) }
      let error = try #require(#expect(throws: LoaderError.self) { try sequence.next() })
      #expect(
        error.description
          == "3 of 200 images cannot be read, expected a share of at most 0.01; the first: synthetic "
          + "record 30: torn apart; repair or remove them, or raise data.max_broken_share")
      #expect(error.category == .badData)
      // Who asks again gets the same answer.
      #expect(throws: error) { try sequence.next() }
      #expect(loader.skipped.map(\.index) == [30, 70, 155])
    }
  }

  @Test("the same broken image in many epochs counts once")
  func distinct() throws {
    let loader = try loader(count: 100, broken: [50], share: 0.01)
    for epoch in 0..<5 { #expect(try allBatches(loader, epoch: epoch).count == 10) }
  }

  @Test("damaged and vanished files are skipped, and their reasons name what is wrong")
  func files() throws {
    let folder = try TemporaryFolder()
    let good = jpeg(pattern(16, 16, 3))
    for index in 0..<6 { try folder.write("train/a/\(index).jpg", good) }
    try folder.write("test/a/0.jpg", good)
    try folder.write("train/a/1.jpg", Array(good.prefix(good.count / 2)))
    try folder.write("train/a/2.jpg", [])
    let train = try ImageDatasets.open(folder.path).train
    try folder.remove("train/a/3.jpg")
    let loader = try BatchLoader(
      dataset: train, preprocessing: rawValues(4, channels: 3),
      options: LoaderOptions(batchSize: 6, maximumBrokenShare: 0.5))
    #expect(try allBatches(loader).map(\.count) == [3])
    #expect(loader.skipped.map(\.name) == (1...3).map { "\(folder.path)/train/a/\($0).jpg" })
    #expect(loader.skipped[0].reason.contains("JPEG"))
    #expect(loader.skipped[1].reason.contains("empty"))
    #expect(loader.skipped[2].reason.contains("cannot read \(folder.path)/train/a/3.jpg"))
    // No description names the file twice.
    for image in loader.skipped {
      #expect(image.description.ranges(of: image.name).count == 1)
    }
  }
}
