import MXLinear
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("Quantizers that are on in a part of the training")
struct QuantizerWindowTests {
  private static let images: [Float] = {
    var random = TestRandom(seed: 300)
    return random.normals(8 * 64)
  }()

  /// The weights after each of ten steps.
  private static func weights(_ change: (inout Recipe) -> Void) throws -> [[UInt32]] {
    var recipe = Recipe.digits
    (recipe.model.classes, recipe.model.depth, recipe.training.epochs) = (10, 2, 1)
    change(&recipe)
    let training = try TrainingStep(recipe, cpu, stepsPerEpoch: 10)
    training.schedule = LearningRateSchedule(constant: 1e-3)
    return try (0..<10).map { step in
      _ = try training.run(images, labels: Array(0..<8), step: step)
      return training.weights.elements.map(\.bitPattern)
    }
  }

  /// How many steps two trainings have in common.
  private func common(_ a: [[UInt32]], _ b: [[UInt32]]) -> Int {
    zip(a, b).prefix { $0 == $1 }.count
  }

  @Test(
    "change nothing before they open or close, and something from that step on",
    arguments: Operand.allCases)
  func windows(operand: Operand) throws {
    let whole = try Self.weights { _ in }
    let without = try Self.weights { $0.linear[operand] = nil }
    #expect(common(whole, without) == 0)
    // The first step that has the share behind it.
    #expect(common(try Self.weights { $0.windows[operand].until = 0.35 }, whole) == 4)
    #expect(common(try Self.weights { $0.windows[operand].from = 0.6 }, without) == 6)
    #expect(
      common(
        try Self.weights { $0.windows[operand] = QuantizerWindows.Window(from: 0, until: 1) }, whole
      ) == 10)
    let inner = try Self.weights {
      $0.windows[operand] = QuantizerWindows.Window(from: 0.2, until: 0.5)
    }
    #expect(common(inner, without) == 2 && common(inner, whole) == 0)
  }

  @Test("a model is deployed by the quantizers of the last step")
  func deployed() {
    var recipe = Recipe()
    recipe.windows[.q1].until = 0.82
    recipe.windows[.q2].from = 0.5
    #expect(recipe.deployedLinear[.q1] == nil && recipe.deployedLinear[.q2] != nil)
    #expect(recipe.linear(step: 81, of: 100)[.q1] != nil)
    #expect(recipe.linear(step: 82, of: 100)[.q1] == nil)
    #expect(recipe.linear(step: 100, of: 100)[.q1] == nil)
    #expect(recipe.linear(step: 49, of: 100)[.q2] == nil)
    // However close to the end a window ends or begins, and however short the training is.
    (recipe.windows[.q1].until, recipe.windows[.q2].from) = (0.999, 0.999)
    for steps in [1, 2, 7, 100, 5000] {
      #expect(recipe.linear(step: steps - 1, of: steps) == recipe.deployedLinear)
    }
  }

  @Test("blocks in full precision have no quantized weights, and their steps are those of fp32")
  func exactBlocks() throws {
    let exact = try Self.weights { $0.linear = .fp32 }
    let all = try Self.weights { $0.linear.exactBlocks = [1, 2] }
    #expect(common(all, exact) == 10)
    let one = try Self.weights { $0.linear.exactBlocks = [1] }
    let whole = try Self.weights { _ in }
    #expect(common(one, exact) == 0 && common(one, whole) == 0)
    var recipe = Recipe.digits
    recipe.model.classes = 10
    recipe.linear.exactBlocks = [3]
    let training = try TrainingStep(recipe, cpu)
    #expect(!training.weightQuantizer.entries.contains { $0.name.hasPrefix("blocks.2") })
    #expect(training.weightQuantizer.entries.contains { $0.name.hasPrefix("blocks.1") })
  }

  @Test(
    "channels of a wide format change nothing until they are chosen, of those that were largest")
  func outlierChannels() throws {
    func change(_ recipe: inout Recipe) {
      recipe.linear.outControl = OutControl(share: 0.1)
      (recipe.outlierCount.from, recipe.outlierCount.length) = (0.55, 3)
    }
    var recipe = Recipe.digits
    (recipe.model.classes, recipe.model.depth, recipe.training.epochs) = (10, 2, 1)
    let plain = try TrainingStep(recipe, cpu, stepsPerEpoch: 10)
    change(&recipe)
    let phases = (0..<10).map { recipe.linear(step: $0, of: 10).outControl?.phase }
    #expect(
      phases == (0..<10).map { $0 < 3 ? .waiting : $0 < 6 ? .counting : .chosen })
    #expect(recipe.linear(step: 10, of: 10) == recipe.deployedLinear)
    for steps in [1, 2, 3] {
      #expect(recipe.linear(step: steps - 1, of: steps) == recipe.deployedLinear)
    }
    let training = try TrainingStep(recipe, cpu, stepsPerEpoch: 10)
    let entries = training.model.parameters.entries
    let marks = try #require(
      entries.first { $0.name == "blocks.1.mlp.fc1.outlier_channels" })
    #expect(entries.count { $0.part.role == .channels } == 8)
    #expect(plain.weightQuantizer.tellsUnits && !training.weightQuantizer.tellsUnits)
    // What norms make large.
    let large = [5, 17, 40, 41, 42, 63]
    for step in [plain, training] {
      step.schedule = LearningRateSchedule(constant: 1e-3)
      let norm = try #require(
        step.model.parameters.entries.first { $0.name == "blocks.1.norm2.weight" })
      for channel in large { step.weights.elements[norm.range][norm.offset + channel] = 30 }
    }
    let learned = training.model.parameters.learned.entries
    for step in 0..<10 {
      for training in [plain, training] {
        _ = try training.run(Self.images, labels: Array(0..<8), step: step)
      }
      let isSame = zip(learned, plain.model.parameters.entries).allSatisfy { entry, other in
        Array(training.weights.elements[entry.range]) == Array(plain.weights.elements[other.range])
      }
      #expect(isSame == (step < 6), "step \(step)")
      let values = Array(training.weights.elements[marks.range])
      if step < 3 { #expect(values.allSatisfy { $0 == 0 }) }
      if step == 3 || step == 4 { #expect(values.allSatisfy { $0 <= 0 } && values[5] < values[4]) }
      if step > 4 { #expect(values.indices.filter { values[$0] == 1 } == large) }
    }
    // What is not in four bits stands for itself.
    let quantized = AlignedBuffer<Float>(count: training.weights.count)
    training.weightQuantizer.quantize(
      training.weights, averages: nil, into: quantized.matrix(), by: cpu,
      arena: Arena(chunkCount: 1 << 12))
    let weight = try #require(entries.first { $0.name == "blocks.1.mlp.fc1.weight" })
    let kept = (0..<64).filter { column in
      (0..<weight.shape[0]).allSatisfy { row in
        let place = weight.offset + row * 64 + column
        return quantized.elements[place] == training.weights.elements[place]
      }
    }
    #expect(kept == large)
  }

  @Test("means of inputs are plain means at first, and then forget")
  func means() throws {
    func training(_ decay: Float) throws -> TrainingStep {
      var recipe = Recipe.digits
      (recipe.model.classes, recipe.model.depth) = (10, 1)
      (recipe.linear.meanSplit, recipe.meanDecay) = ([.qkv], decay)
      let training = try TrainingStep(recipe, cpu)
      // The inputs of the first layer stay as they are.
      training.schedule = LearningRateSchedule(constant: 0)
      return training
    }
    func means(_ training: TrainingStep) throws -> [Float] {
      let entry = try #require(
        training.model.parameters.entries.first { $0.name == "blocks.0.attn.qkv.input_mean" })
      return Array(training.weights.elements[entry.range])
    }
    let other = Self.images.map { 2 * $0 }
    let (labels, steady) = (Array(0..<8), try training(0.5))
    _ = try steady.run(Self.images, labels: labels, step: 0)
    let first = try means(steady)
    #expect(first.contains { abs($0) > 0.01 })
    _ = try steady.run(Self.images, labels: labels, step: 1)
    #expect(relativeError(try means(steady), first) < 1e-6)
    let alone = try training(0.5)
    _ = try alone.run(other, labels: labels, step: 0)
    let second = try means(alone)
    // After two steps of the first images, the other ones count 1/2 at a decay of 1/2, and 1/3 at one of .99.
    for (decay, share) in [(0.5, 0.5), (0.99, 1.0 / 3)] as [(Float, Float)] {
      let training = try training(decay)
      for (step, images) in [Self.images, Self.images, other].enumerated() {
        _ = try training.run(images, labels: labels, step: step)
      }
      let expected = zip(first, second).map { $0 + share * ($1 - $0) }
      #expect(relativeError(try means(training), expected) < 1e-5)
    }
  }
}
