import Files
import Foundation
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import TestSupport
import Testing
import Training
import own_remedy

@Suite("Remedies in training", .serialized)
struct RemedyTrainingTests {
  static let batch = 16
  static let images: [Float] = {
    var random = TestRandom(seed: 140)
    return random.normals(batch * 64)
  }()

  static func recipe(_ method: String) throws -> Recipe {
    var recipe = Recipe.digits
    recipe.method = try #require(Method(rawValue: method))
    recipe.linear = recipe.method.linearRecipe
    recipe.model.classes = 10
    recipe.training.epochs = 4
    recipe.remedies = RemedySettings()
    return recipe
  }

  /// Trains some steps on one batch; ten steps are an epoch.
  static func train(
    _ recipe: Recipe, on cpu: CPU = cpu, steps: Int,
    extraRemedies: (WeightQuantizer) -> [any Remedy] = { _ in [] }
  ) throws -> TrainingStep {
    let training = try TrainingStep(recipe, cpu, stepsPerEpoch: 10, extraRemedies: extraRemedies)
    training.schedule = LearningRateSchedule(constant: 2e-3)
    for step in 0..<steps {
      _ = try training.run(images, labels: (0..<batch).map { $0 % 10 }, step: step)
    }
    return training
  }

  /// Whether two buffers hold the same bits. (Of arrays that differ, an expectation would compute the difference.)
  static func same(_ a: AlignedBuffer<Float>, _ b: AlignedBuffer<Float>) -> Bool {
    a.elements.map(\.bitPattern) == b.elements.map(\.bitPattern)
  }

  @Test(
    "a trial leaves no trace: with periods that are all 1, Q-Ramping is plain TetraJet to the bit")
  func trialLeavesNoTrace() throws {
    var ramping = try Self.recipe("tetrajet+qramping")
    ramping.remedies.qramping.k2 = 0
    let plain = try Self.train(Self.recipe("tetrajet"), steps: 25)
    let ramped = try Self.train(ramping, steps: 25)
    #expect(Self.same(ramped.weights, plain.weights))
    #expect(Self.same(ramped.optimizer.v, plain.optimizer.v))
    // And Q-EMA's averages come back, too.
    var both = try Self.recipe("tetrajet+qema+qramping")
    both.remedies.qramping.k2 = 0
    let averaged = try Self.train(Self.recipe("tetrajet+qema"), steps: 25)
    let rampedAverage = try Self.train(both, steps: 25)
    #expect(Self.same(rampedAverage.weights, averaged.weights))
    #expect(
      Self.same(
        try #require(rampedAverage.averages(step: 25)), try #require(averaged.averages(step: 25))))
    // With the paper's k2 some weights do wait.
    let waiting = try Self.train(Self.recipe("tetrajet+qramping"), steps: 25)
    #expect(!Self.same(waiting.weights, plain.weights))
    #expect(waiting.remedies[0].report[0].value > 0)
  }

  @Test(
    "every method's weights are the same to the bit on one thread and on three",
    arguments: Method.allCases.filter { !$0.remedies.isEmpty })
  func threads(method: Method) throws {
    var recipe = try Self.recipe(method.rawValue)
    // Early enough to happen in thirty steps.
    (recipe.remedies.freeze.momentum, recipe.remedies.freeze.start) = (0.2, 0.1)
    (recipe.remedies.oscireset.period, recipe.remedies.oscireset.window) = (8, 5)
    recipe.remedies.oscireset.start = 0.2
    let one = try Self.train(recipe, on: cpu.on(threads: 1), steps: 30)
    let three = try Self.train(recipe, on: cpu.on(threads: 3), steps: 30)
    for (a, b) in zip(one.state, three.state) {
      #expect(Self.same(a.buffer, b.buffer), "\(a.name)")
    }
    let plain = try Self.train(Self.recipe("tetrajet"), steps: 30)
    #expect(!Self.same(one.weights, plain.weights))
  }

  @Test(
    "Q-EMA rounds by the averages in training, in the forward pass that evaluates, and in codes")
  func qemaIsDeployed() throws {
    let training = try Self.train(Self.recipe("tetrajet+qema"), steps: 30)
    let averages = try #require(training.averages(step: 30))
    let digits = try ImageDatasets.open("digits").test
    let recipe = try Self.recipe("tetrajet+qema")
    let loader = try BatchLoader(
      dataset: digits, preprocessing: recipe.preprocessing,
      options: LoaderOptions(batchSize: recipe.training.batchSize))
    let evaluator = Evaluator(cpu, model: training.model, weights: training.weights)
    let deployed = try evaluator.score(loader, averages: averages)
    #expect(try evaluator.score(loader).loss != deployed.loss)
    try withTemporaryFolder { folder in
      try Checkpoint.write(
        "\(folder)/model", model: training.model, weights: training.weights, averages: averages,
        recipe: recipe, classNames: digits.classNames)
      let model = try DeployedModel(path: "\(folder)/model", on: cpu)
      let score = try model.evaluate(data: "digits") { _ in }.score
      #expect(abs(score.loss - deployed.loss) < 1e-9 && score.top1 == deployed.top1)
      let report = try FileQuantization(writesValues: true)
        .run(
          "\(folder)/model",
          output: OutputFile("\(folder)/codes", inputs: [], replaces: false))
      #expect(report.rounding == .ema && report.matrices == 12)
      let file = try SafetensorsFile(path: "\(folder)/codes")
      let values = AlignedBuffer<Float>(count: training.weights.count)
      training.weightQuantizer.quantize(
        training.weights, averages: averages, into: values.matrix(), by: cpu,
        arena: Arena(chunkCount: 1 << 16))
      for entry in training.weightQuantizer.entries {
        let codes = try file.floats("\(entry.name).values")
        #expect(codes == Array(values.elements[entry.range]), "\(entry.name)")
      }
      // Training keeps the head in single precision.
      #expect(file["head.weight.values"] == nil)
      #expect(!file.entries.contains { $0.name.contains(".ema") })
    }
  }

  @Test("a checkpoint with only some of the averages is refused by name")
  func missingAverage() throws {
    try withTemporaryFolder { folder in
      let training = try Self.train(Self.recipe("tetrajet+qema"), steps: 1)
      let table = training.model.parameters
      try writeSafetensors(
        "\(folder)/model",
        tensors: table.tensors(of: training.weights)
          + table.averages.tensors(of: training.weights).dropLast(),
        metadata: training.model.configuration.metadata)
      #expect {
        _ = try Checkpoint(path: "\(folder)/model")
      } throws: {
        "\($0)".contains("has no tensor 'blocks.2.mlp.fc2.weight.ema'")
      }
    }
  }

  @Test(
    "the documentation shows the example's files whole",
    arguments: ["Reluctance.swift", "main.swift"])
  func documentedRemedy(file: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../..").standardized.path
    let code = String(decoding: try readFile("\(root)/Examples/OwnRemedy/\(file)"), as: UTF8.self)
    let page = String(decoding: try readFile("\(root)/Documentation/Oscillation.md"), as: UTF8.self)
    #expect(page.contains("```swift\n\(code)```\n"))
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 41)
  }

  @Test("a remedy of one's own is called at every step, and its changes count")
  func ownRemedy() throws {
    let plain = try Self.train(Self.recipe("tetrajet"), steps: 3)
    let training = try Self.train(Self.recipe("tetrajet"), steps: 3) { [Reluctance($0)] }
    #expect(training.remedies.count == 1)
    let report = training.remedies[0].report
    #expect(report[0].key == "reluctance_halved" && report[0].value > 0)
    #expect(!Self.same(training.weights, plain.weights))
    // In the first step, what was held back went half as far.
    let initial = try TrainingStep(Self.recipe("tetrajet"), cpu)
    let first = try Self.train(Self.recipe("tetrajet"), steps: 1)
    let held = try Self.train(Self.recipe("tetrajet"), steps: 1) { [Reluctance($0)] }
    var halves = 0
    for place in held.weightQuantizer.entries.flatMap(\.range)
    where held.weights.base[place] != first.weights.base[place] {
      #expect(
        held.weights.base[place] == (first.weights.base[place] + initial.weights.base[place]) / 2)
      halves += 1
    }
    #expect(Double(halves) == held.remedies[0].report[0].value)
  }

  @Test("statistics change nothing that is trained, and the census knows which quantizers clip")
  func census() throws {
    let plain = try Self.train(Self.recipe("microscaling"), steps: 4)
    let watched = try TrainingStep(Self.recipe("microscaling"), cpu, stepsPerEpoch: 10)
    let census = QuantizerCensus()
    watched.census = census
    watched.schedule = LearningRateSchedule(constant: 2e-3)
    for step in 0..<4 {
      _ = try watched.run(Self.images, labels: (0..<Self.batch).map { $0 % 10 }, step: step)
    }
    #expect(Self.same(plain.weights, watched.weights))
    for operand in Operand.allCases {
      let losses = try #require(census[operand])
      // Floor scales clip; three blocks of four layers, four steps.
      #expect(losses.saturated > 0 && losses.underflowed > 0 && losses.elements > 0, "\(operand)")
    }
    #expect(census[.q2]?.elements == 4 * watched.weightQuantizer.weightCount)
    let tetrajet = try TrainingStep(Self.recipe("tetrajet"), cpu, stepsPerEpoch: 10)
    tetrajet.census = QuantizerCensus()
    _ = try tetrajet.run(Self.images, labels: (0..<Self.batch).map { $0 % 10 }, step: 0)
    #expect(Operand.allCases.allSatisfy { tetrajet.census?[$0]?.saturated == 0 })
  }
}
