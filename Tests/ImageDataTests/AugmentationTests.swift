import Fuzzing
import ImageData
import MXRuntime
import Testing

@Suite("Augmentation")
struct AugmentationTests {
  private let size = 6

  /// One epoch of 40 images by sample index. `SyntheticDataset`'s pixels tell the images apart.
  private func epoch(
    _ number: Int, _ preprocessing: Preprocessing, seed: UInt64 = 3, batchSize: Int = 40
  ) throws -> [Int: [Int]] {
    let dataset = SyntheticDataset(count: 40, size: size)
    let loader = try BatchLoader(
      dataset: dataset, preprocessing: preprocessing,
      options: LoaderOptions(batchSize: batchSize, training: true, seed: seed, workers: 2))
    var shuffle = RandomStream(seed: seed, purpose: .shuffle, step: number).sequence(item: 0)
    let order = shuffle.permutation(40)
    var images: [Int: [Int]] = [:]
    var position = 0
    for batch in try allBatches(loader, epoch: number) {
      for index in 0..<batch.count {
        images[order[position]] = pixels(batch, index)
        position += 1
      }
    }
    return images
  }

  /// The definition, pixel by pixel: what the loader must have done to sample `index`.
  private func expected(_ index: Int, epoch: Int, _ preprocessing: Preprocessing) -> [Int] {
    var random = RandomStream(seed: 3, purpose: .augmentation, step: epoch).sequence(item: index)
    let padding = preprocessing.augmentation.cropPadding
    let left = random.integer(below: 2 * padding + 1)
    let top = random.integer(below: 2 * padding + 1)
    let isMirrored = random.uniform() < preprocessing.augmentation.flipProbability
    let source = pattern(size, size, 1, start: index).pixels
    let inside = 0..<size
    return inside.flatMap { y in
      inside.map { x in
        let column = (isMirrored ? size - 1 - x : x) + left - padding
        let row = y + top - padding
        return inside.contains(column) && inside.contains(row)
          ? Int(source[row * size + column]) : 0
      }
    }
  }

  @Test(
    "a crop is a window on the image in black padding, then perhaps mirrored", arguments: [0, 2, 6])
  func definition(padding: Int) throws {
    let preprocessing = rawValues(size, cropPadding: padding, flipProbability: 0.5)
    let images = try epoch(5, preprocessing)
    #expect(images.count == 40)
    for (index, found) in images {
      #expect(found == expected(index, epoch: 5, preprocessing), "image \(index)")
    }
  }

  @Test("an image's augmentation depends on seed, epoch and sample, not on its batch")
  func determinism() throws {
    let preprocessing = rawValues(size, cropPadding: 2, flipProbability: 0.5)
    let once = try epoch(1, preprocessing)
    #expect(try epoch(1, preprocessing, batchSize: 7) == once)
    #expect(try epoch(2, preprocessing) != once)
    #expect(try epoch(1, preprocessing, seed: 4) != once)
  }

  @Test("flip probability 1 mirrors every image, 0 none")
  func flips() throws {
    let straight = try epoch(0, rawValues(size))
    for (index, found) in straight {
      #expect(found == pattern(size, size, 1, start: index).pixels.map(Int.init))
    }
    for (index, found) in try epoch(0, rawValues(size, flipProbability: 1)) {
      let rows = (0..<size).flatMap { row in
        (straight[index] ?? [])[row * size..<(row + 1) * size].reversed()
      }
      #expect(found == rows)
    }
  }

  @Test("evaluation neither shuffles nor augments")
  func evaluation() throws {
    let loader = try BatchLoader(
      dataset: SyntheticDataset(count: 10, size: size),
      preprocessing: rawValues(size, cropPadding: 3, flipProbability: 1),
      options: LoaderOptions(batchSize: 10))
    let batch = try #require(try loader.epoch(9).next())
    for index in 0..<10 {
      #expect(pixels(batch, index) == pattern(size, size, 1, start: index).pixels.map(Int.init))
    }
  }

  @Test("normalization subtracts the mean and divides by the deviation, channel by channel")
  func normalization() throws {
    let folder = try TemporaryFolder()
    let file = PNGWriter.file(width: 1, height: 1, type: PNGWriter.colour, rows: [[0, 51, 255]])
    for side in ["train", "test"] { try folder.write("\(side)/a/1.png", file) }
    let loader = try BatchLoader(
      dataset: ImageDatasets.open(folder.path).test,
      preprocessing: Preprocessing(
        imageSize: 2, channels: 3, mean: [0.5, 0.25, 0.125], standardDeviation: [0.5, 2, 0.25]),
      options: LoaderOptions(batchSize: 1))
    let batch = try #require(try loader.epoch(0).next())
    let green = (Float(51) / 255 - 0.25) / 2
    #expect(
      Array(batch.images.elements)
        == [[-1], [green], [3.5]].flatMap { Array(repeating: $0[0] as Float, count: 4) })
  }
}
