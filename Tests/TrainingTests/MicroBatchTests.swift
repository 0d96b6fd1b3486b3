import ImageData
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("Micro-batches", .serialized)
struct MicroBatchTests {
  static let images: [Float] = {
    var random = TestRandom(seed: 170)
    return random.normals(24 * 64)
  }()

  static func recipe(_ method: Method, micro: Int = 0) -> Recipe {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    (recipe.model.classes, recipe.model.dropPath) = (10, 0)
    (recipe.training.batchSize, recipe.training.microBatch) = (24, micro)
    return recipe
  }

  /// The gradients of the first step on 24 images, in micro-batches of some places of these.
  static func gradients(_ recipe: Recipe, _ parts: [[Int]]) throws -> [Float] {
    let training = try TrainingStep(recipe, cpu)
    training.schedule = LearningRateSchedule(constant: 0)
    try run(training, step: 0, parts)
    return Array(training.gradients.elements)
  }

  static func run(_ training: TrainingStep, step: Int, _ parts: [[Int]]) throws {
    let batches = parts.enumerated().map { index, places in
      let pixels = AlignedBuffer<Float>(count: places.count * 64)
      for (row, place) in places.enumerated() {
        for pixel in 0..<64 { pixels.base[row * 64 + pixel] = images[place * 64 + pixel] }
      }
      return TrainingBatch(
        Batch(
          images: pixels, labels: places.map { $0 % 10 }, places: places, mixedShare: 1,
          imageSize: 8, channels: 1, index: index))
    }
    func feed() -> StepFeed {
      var rest = batches[...]
      return StepFeed(microBatches: parts.count) { rest.popFirst() }
    }
    training.calibration = { _ in feed() }
    let result = try #require(try training.run(feed(), step: step))
    #expect(result.part == 0 && result.score.count == parts.reduce(0) { $0 + $1.count })
  }

  static let thirds = (0..<3).map { part in (0..<8).map { 3 * $0 + part } }

  @Test(
    "a step is the mean over its micro-batches: in single precision the gradient of the whole batch"
  )
  func mean() throws {
    let whole = try Self.gradients(Self.recipe(.fp32), [Array(0..<24)])
    // The last micro-batch of an epoch may be smaller, and counts by its images.
    for parts in [Self.thirds, [Array(0..<8), Array(8..<16), Array(16..<24)]] {
      let found = try Self.gradients(Self.recipe(.fp32, micro: 8), parts)
      #expect(relativeError(found, whole) < 1e-6)
    }
    var ragged = Self.recipe(.fp32, micro: 8)
    let twenty = try Self.gradients(Self.recipe(.fp32), [Array(0..<20)])
    ragged.training.batchSize = 24
    let parts = [Array(0..<7), Array(7..<14), Array(14..<20)]
    #expect(relativeError(try Self.gradients(ragged, parts), twenty) < 1e-6)
  }

  @Test(
    "gradients are added as a binary tree over the micro-batches' numbers", arguments: [2, 3, 4, 6])
  func tree(count: Int) throws {
    let size = 24 / count
    let parts = (0..<count).map { part in (0..<size).map { part * size + $0 } }
    let found = try Self.gradients(Self.recipe(.fp32, micro: size), parts)
    // Each one's own gradient, as the mean over its images.
    var level = try parts.map { try Self.gradients(Self.recipe(.fp32), [$0]) }
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { index in
        index + 1 < level.count ? zip(level[index], level[index + 1]).map { $0 + $1 } : level[index]
      }
    }
    let expected = level[0].map { $0 * (Float(size) / 24) }
    #expect(found.elementsEqual(expected) { $0.bitPattern == $1.bitPattern })
  }

  @Test("each micro-batch draws random numbers of its own: the same images twice average two draws")
  func streams() throws {
    let twice = [Array(0..<12), Array(0..<12)]
    let once = try Self.gradients(Self.recipe(.tetrajet), [Array(0..<12)])
    let mean = try Self.gradients(Self.recipe(.tetrajet, micro: 12), twice)
    #expect(mean != once)
    // Where nothing is drawn, twice the same is the same.
    let nearest = try Self.gradients(Self.recipe(.microscaling), [Array(0..<12)])
    #expect(try Self.gradients(Self.recipe(.microscaling, micro: 12), twice) == nearest)
    // And drop path draws for each, too.
    var dropping = Self.recipe(.fp32, micro: 12)
    dropping.model.dropPath = 0.5
    let dropped = try Self.gradients(dropping, twice)
    dropping.training.microBatch = 0
    #expect(try Self.gradients(dropping, [Array(0..<12)]) != dropped)
  }

  @Test(
    "the weights are the same to the bit on one thread, on two and on three",
    arguments: ["tetrajet", "tetrajet+qema+qramping"])
  func threads(method: String) throws {
    var recipe = Self.recipe(try #require(Method(rawValue: method)), micro: 8)
    recipe.model.dropPath = 0.2
    (recipe.remedies.qramping.updateEvery, recipe.remedies.qramping.detectionSteps) = (3, 4)
    func weights(_ threads: Int) throws -> String {
      let training = try TrainingStep(recipe, cpu.on(threads: threads), stepsPerEpoch: 10)
      training.schedule = LearningRateSchedule(constant: 1e-3)
      for step in 0..<8 { try Self.run(training, step: step, Self.thirds) }
      return training.weightsSHA256(step: 1)
    }
    let one = try weights(1)
    #expect(try weights(2) == one)
    #expect(try weights(3) == one)
  }

  @Test(
    "of a micro-batch that is broken whole, the step goes on without; of a whole step, the next one comes"
  )
  func broken() throws {
    func batch(_ index: Int) -> TrainingBatch {
      TrainingBatch(
        Batch(
          images: AlignedBuffer<Float>(count: 64), labels: [0], places: [0], mixedShare: 1,
          imageSize: 8, channels: 1, index: index))
    }
    let training = try TrainingStep(Self.recipe(.fp32, micro: 8), cpu)
    training.calibration = { _ in StepFeed(microBatches: 3) { nil } }
    // One micro-batch of step 0, in its midst or at its end, and all of step 1 are missing.
    for there in [[0, 2, 7, 8], [0, 1, 7, 8]] {
      var rest = there.map(batch)[...]
      let feed = StepFeed(microBatches: 3) { rest.popFirst() }
      let steps = try (0..<3).map { try training.run(feed, step: $0) }
      #expect(
        steps.map { $0?.part } == [0, 2, nil] && steps.map { $0?.score.count } == [2, 2, nil])
    }
  }
}
