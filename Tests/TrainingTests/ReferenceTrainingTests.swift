import MXCompute
import MXLinear
import MXRuntime
import TestSupport
import Testing
import Training
import VisionModels

@Suite("A training by the definition")
struct ReferenceTrainingTests {
  /// Ten steps of a small model of a family, with drop path, on one batch of grey images.
  static func weights(
    _ method: Method, _ architecture: Architecture, _ attention: OperandPrecision = .fp32,
    on compute: any TrainingCompute, _ change: (inout Recipe) -> Void = { _ in }
  ) throws -> [UInt32] {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    change(&recipe)
    recipe.model =
      architecture == .swin
      // Grids of six and three, windows of four: they fill up and roll.
      ? .swin(imageSize: 12, patchSize: 2, width: 8, depths: [2, 1], heads: [2, 2], windowSize: 4)
      : ModelConfiguration(
        architecture: architecture, imageSize: 8, patchSize: 4, width: 24, depth: 2, heads: 2,
        mlpRatio: 2)
    (recipe.model.layerScale, recipe.model.attention) = (0.1, attention)
    (recipe.model.channels, recipe.model.classes, recipe.model.dropPath) = (1, 10, 0.2)
    // Early enough to happen in ten steps.
    (recipe.remedies.qema.startStep, recipe.remedies.freeze.start) = (2, 0.1)
    (recipe.remedies.qramping.updateEvery, recipe.remedies.qramping.detectionSteps) = (4, 3)
    (recipe.remedies.oscireset.start, recipe.remedies.oscireset.period) = (0.2, 4)
    (recipe.remedies.oscireset.window, recipe.remedies.osmq.start) = (3, 0.3)
    // Counted in the fourth and fifth step of six hundred, and chosen then.
    (recipe.outlierCount.from, recipe.outlierCount.length) = (0.008, 2)
    let training = try TrainingStep(recipe, compute, stepsPerEpoch: 10)
    training.schedule = LearningRateSchedule(constant: 2e-3)
    var random = TestRandom(seed: 120)
    let batch = 5
    let images = random.normals(batch * recipe.model.imageSize * recipe.model.imageSize)
    for step in 0..<10 {
      _ = try training.run(images, labels: (0..<batch).map { 3 * $0 % 10 }, step: step)
    }
    return training.weights.elements.map(\.bitPattern)
  }

  @Test(
    "leaves the weights that kernels leave, to the bit, in every method and family",
    .enabled(
      if: cpu.name != "portable", "without a fused instruction attention may round otherwise"),
    arguments: Method.allCases, Architecture.allCases)
  func bits(method: Method, architecture: Architecture) throws {
    let expected = try Self.weights(method, architecture, on: Reference())
    let isSame = try Self.weights(method, architecture, on: cpu.on(threads: 3)) == expected
    #expect(isSame)
  }

  @Test(
    "of means, rotations and windows leaves the weights that kernels leave",
    .enabled(
      if: cpu.name != "portable", "without a fused instruction attention may round otherwise"),
    arguments: ["tetrajet", "tetrajet+qema", "microscaling"], Architecture.allCases)
  func options(method: String, architecture: Architecture) throws {
    let method = try #require(Method(rawValue: method))
    func weights(_ compute: any TrainingCompute) throws -> [UInt32] {
      try Self.weights(method, architecture, on: compute) { recipe in
        recipe.linear.meanSplit = [.qkv, .proj, .fc2]
        recipe.linear.rotatedProducts = Set(LinearProduct.allCases)
        recipe.linear.exactBlocks = [2]
        recipe.windows[.q1].until = 0.8
        recipe.windows[.q5].from = 0.2
        recipe.training.epochs = 1
      }
    }
    let expected = try weights(Reference())
    let isSame = try weights(cpu.on(threads: 3)) == expected
    #expect(isSame)
    let isOther = try Self.weights(method, architecture, on: cpu) != expected
    #expect(isOther)
  }

  @Test(
    "of channels in a wider format leaves the weights that kernels leave, under averages and windows",
    .enabled(
      if: cpu.name != "portable", "without a fused instruction attention may round otherwise"),
    arguments: ["tetrajet+qema", "tetrajet+dampen", "tetrajet-v2+qema", "int4"])
  func outlierChannels(method: String) throws {
    let method = try #require(Method(rawValue: method))
    func weights(_ compute: any TrainingCompute) throws -> [UInt32] {
      try Self.weights(method, .vit, on: compute) { recipe in
        recipe.linear.outControl = OutControl(share: 0.2, format: .mxe2m3)
        (recipe.training.epochs, recipe.windows[.q1].until) = (1, 0.8)
      }
    }
    let expected = try weights(Reference())
    let isSame = try weights(cpu.on(threads: 3)) == expected
    #expect(isSame)
  }

  @Test(
    "with attention in bfloat16 leaves the weights that every set of kernels leaves, and not those of single precision",
    arguments: CPU.names.filter { $0 != "portable" }, Architecture.allCases)
  func narrowAttention(name: String, architecture: Architecture) throws {
    let expected = try Self.weights(.tetrajet, architecture, .bf16, on: Reference())
    let compute = try #require(CPU.named(name)).on(threads: 3)
    let isSame = try Self.weights(.tetrajet, architecture, .bf16, on: compute) == expected
    #expect(isSame)
    let isOther = try Self.weights(.tetrajet, architecture, on: compute) != expected
    #expect(isOther)
  }
}
