import MXRuntime
import Synchronization

/// What one side of a data set consists of.
package struct SideSurvey: Sendable {
  /// How many images there are.
  package let count: Int
  /// How many were looked at. All that follows but the classes is of these.
  package let surveyed: Int
  /// How many images each class has, by label.
  package let classCounts: [Int]
  /// How many image files there are of each format; broken ones are in none.
  package private(set) var formats: [ImageFormat: Int] = [:]
  /// How many images are stored as bare pixels.
  package private(set) var bare = 0
  /// Bytes of all image files that are not broken.
  package private(set) var fileBytes = 0
  /// Widths, in pixels.
  package private(set) var widths = Spread()
  /// Heights, in pixels.
  package private(set) var heights = Spread()
  /// The shorter of width and height, in pixels: what a model's square is cut from.
  package private(set) var shorterSides = Spread()
  /// How many images have one channel.
  package private(set) var grey = 0
  /// How many images have three channels.
  package private(set) var coloured = 0
  /// How many images cannot be read or decoded.
  package private(set) var brokenCount = 0
  /// The first of these, with what is wrong with them.
  package private(set) var broken: [SkippedImage] = []
  /// Files that are not taken for images.
  package internal(set) var passedOver = PassedOver()
  private var moments = ChannelMoments()

  /// Images are decoded so many at a time; what is known of them then goes into the totals in their
  /// own order, whichever thread looked at which: sums of floating-point numbers depend on the
  /// order.
  private static let batch = 1024

  /// Looks at the images of `sample`; calls `progress` from any thread with the number done, and `found` with each
  /// image that could be decoded and its digest, in the images' order.
  init(
    _ dataset: any ImageDataset, _ sample: EvenSample, listedBroken: Int, threads: Int,
    found note: (_ index: Int, _ digest: UInt128) -> Void, progress: @Sendable (Int) -> Void
  ) {
    (count, surveyed, classCounts) = (dataset.count, sample.count, dataset.classCounts)

    let done = Atomic<Int>(0)
    for start in stride(from: 0, to: sample.count, by: Self.batch) {
      let length = min(Self.batch, sample.count - start)
      let found = Mutex<[Result<ImageFacts, any Error>?]>(Array(repeating: nil, count: length))
      parallelFor(length, threads: threads) { item in
        let result = Result { try ImageFacts(dataset, sample[start + item]) }
        found.withLock { $0[item] = result }
        progress(done.add(1, ordering: .relaxed).newValue)
      }
      for (item, result) in found.withLock({ $0 }).enumerated() {
        switch result {
        case .success(let facts):
          add(facts)
          note(sample[start + item], facts.digest)
        case .failure(let error):
          brokenCount += 1
          let index = sample[start + item]
          if broken.count < listedBroken {
            broken.append(SkippedImage(index: index, name: dataset.name(index), error: error))
          }
        case nil: preconditionFailure("image \(start + item) was not looked at")
        }
      }
    }
  }

  private mutating func add(_ facts: ImageFacts) {
    if let file = facts.file {
      formats[file.format, default: 0] += 1
      fileBytes += file.bytes
    } else {
      bare += 1
    }
    widths.add(facts.width)
    shorterSides.add(min(facts.width, facts.height))
    heights.add(facts.height)
    if facts.isGrey { grey += 1 } else { coloured += 1 }
    moments.add(facts)
  }

  /// Means and standard deviations of the channels, of values in 0...1, every image weighing the
  /// same however many pixels it has: one channel where all images are grey, else three. Nil where
  /// no image could be decoded.
  package var statistics: (mean: [Double], standardDeviation: [Double])? {
    moments.statistics(channels: coloured == 0 ? 1 : 3)
  }
}
