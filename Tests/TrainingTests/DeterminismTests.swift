import MXLinear
import TestSupport
import Testing
import Training
import VisionModels

@Suite("Training in 4 bits is deterministic", .serialized)
struct DeterminismTests {
  /// The weights after twenty steps of a small model.
  static func weights(
    _ engine: Engine, threads: Int, seed: Int = 3, swin: Bool = false
  ) throws -> [UInt32] {
    var recipe = Recipe.digits
    recipe.engine = engine
    recipe.seed = seed
    // 17 tokens: the matrices have several slices, ragged at their ends.
    recipe.model.imageSize = 16
    if swin {
      // Grids of eight and four, windows of three: they fill up and roll.
      recipe.model = .swin(
        imageSize: 16, patchSize: 2, width: 32, depths: [2, 1], heads: [2, 4], windowSize: 3)
      recipe.model.channels = 1
    }
    recipe.model.classes = 10
    let training = try TrainingStep(recipe, cpu.on(threads: threads))
    training.schedule = LearningRateSchedule(constant: 1e-3)
    var random = TestRandom(seed: 110)
    let batch = 19
    let images = random.normals(batch * 16 * 16)
    for step in 0..<20 {
      _ = try training.run(images, labels: (0..<batch).map { $0 % 10 }, step: step)
    }
    return training.weights.elements.map(\.bitPattern)
  }

  @Test(
    "the weights are the same to the bit on one thread, on two and on three",
    arguments: Engine.allCases)
  func threads(engine: Engine) throws {
    let one = try Self.weights(engine, threads: 1)
    #expect(try Self.weights(engine, threads: 2) == one)
    #expect(try Self.weights(engine, threads: 3) == one)
    #expect(try Self.weights(engine, threads: 2, seed: 4) != one)
    let swin = try Self.weights(engine, threads: 1, swin: true)
    #expect(try Self.weights(engine, threads: 3, swin: true) == swin)
  }
}
