import Foundation
import ImageData
import Testing

@Suite("A loader's threads", .timeLimit(.minutes(5)))
struct LoaderLifetimeTests {
  /// Waits for what must come true; the suite's limit of time ends it where it never does.
  private func eventually(_ condition: () -> Bool) -> Bool {
    while !condition(), !Task.isCancelled { usleep(1000) }
    return condition()
  }

  private func loader(_ dataset: SyntheticDataset, workers: Int) throws -> BatchLoader {
    try BatchLoader(
      dataset: dataset, preprocessing: rawValues(4),
      options: LoaderOptions(batchSize: 10, workers: workers, cacheMegabytes: 0))
  }

  @Test("they run at most workers + 2 batches ahead", arguments: [1, 2, 5])
  func backPressure(workers: Int) throws {
    let dataset = SyntheticDataset(count: 1000)
    let sequence = try loader(dataset, workers: workers).epoch(0)
    #expect(eventually { dataset.readCount == (workers + 2) * 10 })
    _ = try sequence.next()
    #expect(eventually { dataset.readCount == (workers + 3) * 10 })
    usleep(50_000)
    #expect(dataset.readCount == (workers + 3) * 10)
    _ = try sequence.next()
  }

  @Test("letting go of an epoch early ends them and frees everything", arguments: [1, 2, 5])
  func abandonment(workers: Int) throws {
    weak var abandoned: SyntheticDataset?
    for taken in 0..<4 {
      let dataset = SyntheticDataset(count: 1000, microseconds: 2000)
      abandoned = dataset
      do {
        let sequence = try loader(dataset, workers: workers).epoch(taken)
        for _ in 0..<taken { #expect(try sequence.next() != nil) }
        #expect(eventually { dataset.activeCount > 0 || dataset.readCount > 0 })
      }
      #expect(dataset.activeCount == 0, "the data set is still read")
      let reads = dataset.readCount
      usleep(5_000)
      #expect(dataset.readCount == reads, "the data set is read again")
    }
    // A thread that were left would hold the data set.
    #expect(eventually { abandoned == nil })
  }

  @Test("they end after the image they are at, not after its batch")
  func promptness() throws {
    // A batch that would take minutes, however late this thread looks.
    let dataset = SyntheticDataset(count: 100_000, microseconds: 2000)
    do {
      let loader = try BatchLoader(
        dataset: dataset, preprocessing: rawValues(4),
        options: LoaderOptions(batchSize: 100_000, workers: 1))
      let sequence = loader.epoch(0)
      #expect(eventually { dataset.readCount > 0 })
      withExtendedLifetime(sequence) {}
    }
    #expect(dataset.readCount < 100_000)
  }

  @Test("they end by themselves when an epoch is over or has failed")
  func ends() throws {
    weak var finished: SyntheticDataset?
    weak var failed: SyntheticDataset?
    do {
      let dataset = SyntheticDataset(count: 35)
      finished = dataset
      let sequence = try loader(dataset, workers: 3).epoch(0)
      while try sequence.next() != nil {}
      #expect(try sequence.next() == nil)
      let broken = SyntheticDataset(count: 35, broken: [0])
      failed = broken
      let failing = try loader(broken, workers: 3).epoch(0)
      #expect(throws: LoaderError.self) { try failing.next() }
    }
    #expect(eventually { finished == nil && failed == nil })
  }

  @Test("two epochs of one loader run side by side")
  func interleaved() throws {
    let loader = try loader(SyntheticDataset(count: 95), workers: 2)
    let expected = try allBatches(loader).map(bits)
    let first = loader.epoch(0)
    let second = loader.epoch(0)
    for batch in expected {
      #expect(try first.next().map(bits) == batch)
      #expect(try second.next().map(bits) == batch)
    }
  }

  @Test("a hundred epochs started and dropped at once do not deadlock")
  func manyStarts() throws {
    let loader = try loader(SyntheticDataset(count: 200), workers: 4)
    for epoch in 0..<100 { _ = loader.epoch(epoch) }
    #expect(try allBatches(loader).count == 20)
  }
}
