import CAllocationCounter
import Files
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Training
import VisionModels

/// A training whose steps are counted.
struct StepSubject {
  /// Shape, method and engine.
  let name: String
  private let recipe: Recipe
  private let batch = 4
  private static let warmups = 3
  private static let counted = 2

  private init(
    _ shape: (name: String, model: ModelConfiguration), _ method: Method, _ engine: Engine
  ) {
    name = "\(shape.name) \(method.rawValue) \(engine.rawValue)"
    var recipe = Recipe()
    recipe.method = method
    recipe.linear = method.linearRecipe
    recipe.engine = engine
    recipe.model = shape.model
    recipe.training.epochs = 1
    recipe.training.labelSmoothing = 0.1
    recipe.training.averageDecay = 0.9
    // All that a method does happens in the steps that are counted.
    recipe.remedies.qema.startStep = 1
    recipe.remedies.qramping.updateEvery = 1000
    recipe.remedies.qramping.detectionSteps = 2
    recipe.remedies.freeze.start = 0
    recipe.remedies.freeze.momentum = 0.5
    recipe.remedies.oscireset.start = 0
    recipe.remedies.oscireset.window = 2
    recipe.remedies.oscireset.period = 2
    recipe.remedies.oscireset.threshold = 0
    self.recipe = recipe
  }

  /// Every shape by every method; the remedies, which do not know the engine, with the packed one.
  static var all: [StepSubject] {
    get throws {
      var digits = Recipe.digits.model
      digits.classes = 10
      digits.dropPath = 0.1
      var block = try ModelConfiguration.preset("deit_tiny_patch16_224")
      (block.imageSize, block.depth, block.classes) = (64, 1, 100)
      var swin = ModelConfiguration.swin(
        imageSize: 32, width: 32, depths: [2, 2], heads: [1, 2], windowSize: 4, classes: 10)
      swin.dropPath = 0.1
      var deit3 = digits
      deit3.architecture = .deit3
      return [("digits", digits), ("deit", block), ("swin", swin), ("deit3", deit3)].flatMap {
        shape in
        Method.allCases.flatMap { method in
          (method.remedies.isEmpty ? Engine.allCases : [.packed]).map {
            StepSubject(shape, method, $0)
          }
        }
      }
    }
  }

  /// The stacks of all allocations of a few steps, once others have filled the arenas.
  func allocations(on cpu: CPU) throws -> [AllocationSite] {
    let model = recipe.model
    let training = try TrainingStep(recipe, cpu, stepsPerEpoch: Self.warmups + Self.counted)
    training.schedule = LearningRateSchedule(constant: 1e-2)
    let images = AlignedBuffer<Float>(
      count: batch * model.channels * model.imageSize * model.imageSize)
    let random = RandomStream(seed: 1, purpose: .benchmark)
    for index in 0..<images.count { images[index] = random.normal(index) }
    let labels = (0..<batch).map { $0 % model.classes }
    func run(_ steps: Range<Int>) throws {
      for step in steps {
        _ = try training.run(
          images.matrix(rows: batch), labels: labels, mixedShare: 0.7, step: step)
      }
    }
    try run(0..<Self.warmups)
    allocation_sites_start()
    allocation_counter_start()
    try run(Self.warmups..<Self.warmups + Self.counted)
    allocation_counter_stop()
    allocation_sites_stop()
    return (0..<allocation_sites_count()).map { AllocationSite(allocation_site_at($0).pointee) }
  }
}
