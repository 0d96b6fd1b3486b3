import ImageData
import MXCompute
import MXLinear
import MXRuntime
import TestSupport
import Testing
import Training
import VisionModels

@Suite("A dry run")
struct ModelMemoryTests {
  /// Windows of four on grids of six and three.
  private static let swin = ModelConfiguration.swin(
    imageSize: 12, patchSize: 2, width: 32, depths: [2, 2], heads: [2, 4], windowSize: 4,
    classes: 10)

  private static func shape(_ architecture: Architecture) -> ModelConfiguration {
    architecture == .swin
      ? swin
      : ModelConfiguration(
        architecture: architecture, imageSize: 16, patchSize: 4, width: 64, depth: 3, heads: 2,
        classes: 10)
  }

  @Test(
    "touches as much memory as the pass itself", arguments: Architecture.allCases,
    [LinearRecipe.fp32, .tetrajet, .microscaling, .tetrajetV2])
  func passes(_ architecture: Architecture, _ recipe: LinearRecipe) throws {
    let shape = Self.shape(architecture)
    for engine in Engine.allCases {
      let memory = try ModelMemory(shape, recipe, cpu, engine: engine)
      let model = try VisionModel(shape, recipe: recipe, engine: engine)
      let weights = AlignedBuffer<Float>(count: model.parameters.count)
      let gradients = AlignedBuffer<Float>(count: model.parameters.count)
      for batch in [1, 5] {
        let images = AlignedBuffer<Float>(
          count: batch * shape.channels * shape.imageSize * shape.imageSize)
        let workspace = Workspace()
        let pass = Pass(
          cpu, weights: weights, workspace: workspace, context: StepContext(cpu), training: true)
        let (logits, saved) = try model.forward(images.matrix(rows: batch), pass)
        let dlogits = workspace.scratch.matrix(rows: batch, columns: logits.columns)
        cpu.fill(dlogits, with: 0)
        try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
        withExtendedLifetime(images) {}
        let stacks = memory.step(batch: batch)
        #expect(stacks.kept == 4 * workspace.kept.touchedCount)
        #expect(stacks.scratch == 4 * workspace.scratch.touchedCount)
      }
    }
  }

  @Test(
    "writes nothing, by any method",
    arguments: Method.allCases + [Method(rawValue: "tetrajet-v2+oscireset")!])
  func writesNothing(method: Method) throws {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    recipe.model.classes = 10
    (recipe.training.epochs, recipe.training.batchSize) = (2, 2)
    (recipe.outlierCount.from, recipe.outlierCount.length) = (0.5, 2)
    let ledger = MemoryLedger()
    try ledger.dryRun {
      let training = try TrainingStep(recipe, cpu.dry, stepsPerEpoch: 4)
      let images = AlignedBuffer<Float>(count: 2 * 64)
      for step in 0..<8 {
        _ = try training.run(images.matrix(rows: 2), labels: [0, 1], step: step)
      }
      // All buffers are at one place.
      let place = AlignedBuffer<UInt64>(count: 1 << 18)
      #expect(place.elements.allSatisfy { $0 == 0 })
      withExtendedLifetime((training, images, place)) {}
    }
  }

  @Test("counts buffers as long as they live, and the most that there were")
  func ledger() {
    let ledger = MemoryLedger()
    ledger.dryRun {
      let lasting = AlignedBuffer<Float>(count: 1000)
      #expect(ledger.bytes == 4000)
      withExtendedLifetime(AlignedBuffer<UInt8>(count: 500)) { #expect(ledger.bytes == 4500) }
      let arena = Arena(chunkCount: 1024)
      arena.scratch { _ = arena.matrix(rows: 10, columns: 100) }
      // The first chunk has 24 numbers left, too few.
      arena.scratch { _ = (arena.allocate(16), arena.matrix(rows: 20, columns: 100)) }
      #expect(arena.touchedCount == 1008 + 2000)
      withExtendedLifetime((lasting, arena)) {
        #expect(ledger.bytes == 4000 + 4 * (1008 + 2000) && ledger.peak == ledger.bytes)
      }
    }
    #expect(ledger.bytes == 0 && ledger.peak == 4000 + 4 * (1008 + 2000))
  }

  @Test("sets no page aside that is not written to, however large the model")
  func large() throws {
    let shape = ModelConfiguration(width: 16_384, depth: 48, heads: 64)
    let model = try VisionModel(shape, recipe: .tetrajet)
    let before = ProcessUsage.residentMemory
    let ledger = MemoryLedger()
    try ledger.dryRun {
      let compute = cpu.dry
      let weights = AlignedBuffer<Float>(count: model.parameters.count)
      let gradients = AlignedBuffer<Float>(repeating: 1, count: model.parameters.count)
      let images = AlignedBuffer<Float>(count: 512 * 3 * 224 * 224)
      let pass = Pass(
        compute, weights: weights, workspace: Workspace(), context: StepContext(compute),
        training: true)
      model.initialize(weights, seed: 1, by: compute)
      let (logits, saved) = try model.forward(images.matrix(rows: 512), pass)
      try model.backward(dlogits: logits, saved, gradients: gradients, pass)
      _ = gradients.copy()
      withExtendedLifetime((images, gradients)) {
        // Some hundred gigabytes, of which what other tests take meanwhile is no part.
        #expect(ledger.bytes > 1 << 39)
        #expect(ProcessUsage.residentMemory < before + 4096)
      }
    }
  }
}
