import Foundation
import ImageData
import MXLinear
import MXRuntime
import Oscillation
import TestSupport
import Testing
import Training
import VisionModels

@Suite("Optimization")
struct OptimizationTests {
  @Test(
    "Q-Ramping's AdamW agrees with the golden trajectory, and where the period is 1 so does plain AdamW",
    arguments: [true, false])
  func goldenAdamW(ramps: Bool) throws {
    let file = try Golden.open("ramping_adamw")
    let initial = try file.floats("initial")
    let gradients = try file.floats("gradients")
    let trajectory = try file.floats("trajectory")
    let period = try file.integers("period")
    let compared = period.indices.filter { ramps || period[$0] == 1 }
    #expect(compared.count > 5)
    var table = ParameterTable()
    _ = table.add("w", [initial.count, 1], decays: true, quantized: true)
    var recipe = Recipe().optimizer
    recipe.learningRate = 0.01
    let optimizer = AdamW(table, recipe, ramps: ramps)
    func buffer() -> AlignedBuffer<Float> { AlignedBuffer(count: initial.count) }
    let (weights, gradient, periods) = (buffer(), buffer(), buffer())
    for (index, value) in initial.enumerated() { weights.base[index] = value }
    for (index, value) in period.enumerated() { periods.base[index] = Float(value) }
    for step in 0..<24 {
      for index in 0..<initial.count {
        gradient.base[index] = gradients[step * initial.count + index]
      }
      optimizer.step(
        step + 1, learningRate: 0.01, weights: weights, gradients: gradient,
        periods: ramps ? periods : nil, by: cpu)
      let expected = compared.map { trajectory[step * initial.count + $0] }
      #expect(relativeError(compared.map { weights.base[$0] }, expected) < 1e-5)
    }
  }

  @Test("a weight whose period gets shorter while it waits loses no gradient")
  func shorterPeriod() {
    var table = ParameterTable()
    _ = table.add("w", [1, 1], decays: false, quantized: true)
    let optimizer = AdamW(table, Recipe().optimizer, ramps: true)
    let (weights, gradients, periods) = (
      AlignedBuffer<Float>(count: 1), AlignedBuffer<Float>(count: 1), AlignedBuffer<Float>(count: 1)
    )
    periods.base[0] = 9
    for step in 1...3 {
      gradients.base[0] = Float(step)
      if step == 3 { periods.base[0] = 2 }
      optimizer.step(
        step, learningRate: 0.1, weights: weights, gradients: gradients, periods: periods, by: cpu)
      #expect((weights.base[0] == 0) == (step < 3))
    }
    // The mean of 1, 2 and 3.
    #expect(abs(optimizer.m.base[0] - 0.2) < 1e-6 && optimizer.waiting?.count.base[0] == 0)
  }

  @Test("a tensor that does not decay keeps its size without a gradient; one that decays shrinks")
  func decay() {
    var table = ParameterTable()
    _ = table.add("bias", [3], decays: false)
    _ = table.add("weight", [3], decays: true)
    var recipe = Recipe().optimizer
    recipe.weightDecay = 0.5
    let optimizer = AdamW(table, recipe)
    let (weights, gradients) = (AlignedBuffer<Float>(count: 6), AlignedBuffer<Float>(count: 6))
    weights.base.update(repeating: 2, count: 6)
    optimizer.step(1, learningRate: 0.1, weights: weights, gradients: gradients, by: cpu)
    #expect(Array(weights.elements) == [2, 2, 2, 1.9, 1.9, 1.9])
  }

  @Test(
    "clipping scales the whole gradient to the norm; a gradient that is not finite changes nothing")
  func clipping() {
    var table = ParameterTable()
    _ = table.add("w", [2], decays: false)
    var recipe = Recipe().optimizer
    recipe.clipGradientNorm = 1
    let optimizer = AdamW(table, recipe)
    let (weights, gradients) = (AlignedBuffer<Float>(count: 2), AlignedBuffer<Float>(count: 2))
    (gradients.base[0], gradients.base[1]) = (3, 4)
    #expect(
      optimizer.step(1, learningRate: 0.1, weights: weights, gradients: gradients, by: cpu) == 5)
    // m = (1 − β1)·g with g of norm 1.
    #expect(abs(optimizer.m.base[0] - 0.06) < 1e-7 && abs(optimizer.m.base[1] - 0.08) < 1e-7)
    let before = Array(weights.elements)
    gradients.base[0] = .nan
    #expect(
      !optimizer.step(2, learningRate: 0.1, weights: weights, gradients: gradients, by: cpu)
        .isFinite)
    #expect(Array(weights.elements) == before)
  }

  @Test("the learning rate warms up linearly, meets the cosine, and ends where the recipe says")
  func schedule() {
    var recipe = Recipe()
    recipe.training.epochs = 10
    let schedule = LearningRateSchedule(recipe, stepsPerEpoch: 100)
    #expect(schedule.learningRate(step: 0) == 1e-6)
    #expect(abs(schedule.learningRate(step: 50) - 5.005e-4) < 1e-9)
    let cosine = { (t: Double) in Float(1e-5 + (1e-3 - 1e-5) * (1 + cos(Double.pi * t)) / 2) }
    #expect(abs(schedule.learningRate(step: 100) - cosine(0.1)) < 1e-9)
    #expect(abs(schedule.learningRate(step: 500) - cosine(0.5)) < 1e-9)
    #expect(abs(schedule.learningRate(step: 1000) - 1e-5) < 1e-9)
  }

  @Test("by epoch and one epoch late, rates are those of the authors' loop")
  func scheduleByEpoch() {
    var recipe = Recipe()
    recipe.training.epochs = 90
    recipe.schedule.warmupEpochs = 5
    (recipe.schedule.unit, recipe.schedule.lagEpochs) = (.epoch, 1)
    let schedule = LearningRateSchedule(recipe, stepsPerEpoch: 1251)
    // The loop trains epoch 0 at the scheduler's initial rate and sets, behind epoch e, the value of e.
    var rate = 1e-6
    for epoch in 0..<90 {
      for step in [0, 1, 700, 1250] {
        let found = Double(schedule.learningRate(step: epoch * 1251 + step))
        #expect(abs(found - rate) < 1e-7 * rate, "epoch \(epoch), step \(step)")
      }
      rate =
        epoch < 5
        ? 1e-6 + (1e-3 - 1e-6) * Double(epoch) / 5
        : 1e-5 + (1e-3 - 1e-5) * (1 + cos(Double.pi * Double(epoch) / 90)) / 2
    }
    // Without the lag, an epoch has the value of its number.
    recipe.schedule.lagEpochs = 0
    let punctual = LearningRateSchedule(recipe, stepsPerEpoch: 10)
    #expect(punctual.learningRate(step: 19) == punctual.learningRate(step: 10))
    #expect(abs(punctual.learningRate(step: 10) - (1e-6 + (1e-3 - 1e-6) / 5)) < 1e-9)
  }

  @Test(
    "cross entropy of equal logits is ln K, with and without smoothing", arguments: [Float(0), 0.1])
  func uniformLoss(smoothing: Float) {
    let arena = Arena(chunkCount: 64)
    let logits = arena.matrix(rows: 2, columns: 5)
    logits.base.update(repeating: 3, count: 10)
    let score = crossEntropy(logits, labels: [0, 4], smoothing: smoothing)
    #expect(abs(score.meanLoss - log(5)) < 1e-6)
    // Of equal logits the first ranks first.
    #expect(score.top1 == 1 && score.top5 == 2)
  }

  @Test("its gradient agrees with differences, and sums to 0 over the classes")
  func lossGradient() {
    var random = TestRandom(seed: 60)
    let arena = Arena(chunkCount: 64)
    let (logits, gradient) = (arena.matrix(rows: 2, columns: 4), arena.matrix(rows: 2, columns: 4))
    for index in 0..<8 { logits.base[index] = random.normal() }
    _ = crossEntropy(logits, labels: [1, 3], smoothing: 0.1, dlogits: gradient)
    for index in 0..<8 {
      let value = logits.base[index]
      func loss(_ shift: Float) -> Double {
        logits.base[index] = value + shift
        defer { logits.base[index] = value }
        return crossEntropy(logits, labels: [1, 3], smoothing: 0.1).meanLoss
      }
      let h: Float = 1e-2
      #expect(abs((loss(h) - loss(-h)) / Double(2 * h) - Double(gradient.base[index])) < 1e-5)
    }
    for row in 0..<2 {
      #expect(abs((0..<4).reduce(Float(0)) { $0 + gradient.row(row)[$1] }) < 1e-6)
    }
  }

  @Test("a NaN logit never counts as a hit")
  func brokenLogits() {
    let arena = Arena(chunkCount: 64)
    let logits = arena.matrix(rows: 1, columns: 6)
    logits.base.update(repeating: .nan, count: 6)
    let score = crossEntropy(logits, labels: [0])
    #expect(score.top1 == 0 && score.top5 == 0)
  }

  @Test("forty steps on one batch learn it by heart, in every method", arguments: Method.allCases)
  func overfits(method: Method) throws {
    var recipe = Recipe.digits
    recipe.method = method
    recipe.linear = method.linearRecipe
    recipe.training.epochs = 40
    recipe.model.classes = 4
    recipe.model.dropPath = 0
    recipe.training.labelSmoothing = 0
    let training = try TrainingStep(recipe, cpu)
    training.schedule = LearningRateSchedule(constant: 3e-3)
    var random = TestRandom(seed: 61)
    let images = random.normals(8 * 64)
    let labels = (0..<8).map { $0 % 4 }
    var losses: [Double] = []
    for step in 0..<40 {
      losses.append(try training.run(images, labels: labels, step: step).meanLoss)
    }
    #expect(losses[0] > 1 && losses[39] < 0.1, "\(losses)")
  }

  @Test("a model whose evaluation is not finite is an error, not a score")
  func nonFiniteEvaluation() throws {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (.fp32, .fp32)
    recipe.model.classes = 10
    let training = try TrainingStep(recipe, cpu)
    training.weights.base[training.weights.count - 1] = .nan
    let loader = try BatchLoader(
      dataset: ImageDatasets.open("digits").test, preprocessing: recipe.preprocessing,
      options: LoaderOptions())
    #expect(throws: NonFiniteTensor(tensor: "the evaluation loss")) {
      _ = try Evaluator(cpu, model: training.model, weights: training.weights).score(loader)
    }
  }

  @Test(
    "numbers that are not finite stop with the tensor and the step, and leave the weights as they were",
    arguments: [
      (Method.fp32, "the training loss"), (.tetrajet, "blocks.0.attn.qkv: the input (q1)"),
    ])
  func nonFinite(method: Method, tensor: String) throws {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    recipe.model.classes = 4
    let training = try TrainingStep(recipe, cpu)
    let before = Array(training.weights.elements)
    let images = [Float](repeating: .nan, count: 64)
    #expect(throws: NonFiniteTensor(tensor: tensor, step: 7)) {
      _ = try training.run(images, labels: [0], step: 7)
    }
    #expect(Array(training.weights.elements) == before)
  }

  /// Puts an infinity into the gradient of the last weight, which nothing quantizes.
  private final class Spoiler: Remedy {
    func beforeUpdate(_ training: TrainingView) {
      training.gradients.base[training.gradients.count - 1] = .infinity
    }
  }

  @Test("a gradient that is not finite is named, before the weights or the moments take it over")
  func nonFiniteGradient() throws {
    var recipe = Recipe.digits
    recipe.model.classes = 4
    let training = try TrainingStep(recipe, cpu, extraRemedies: { _ in [Spoiler()] })
    let last = try #require(training.model.parameters.entries.last?.name)
    let before = training.weightsSHA256(step: 1)
    #expect(throws: NonFiniteTensor(tensor: "the gradient of \(last)", step: 3)) {
      _ = try training.run([Float](repeating: 0.5, count: 64), labels: [1], step: 3)
    }
    #expect(training.weightsSHA256(step: 1) == before)
    try training.checkIsFinite(step: 3)
  }

  @Test("weights and moments that are not finite are kept out of checkpoints, by name")
  func nonFiniteState() throws {
    var recipe = Recipe.digits
    recipe.model.classes = 4
    let training = try TrainingStep(recipe, cpu)
    let entry = training.model.parameters.entries[3]
    for (kind, buffer) in [
      ("the weight", training.weights), ("the first moment of", training.optimizer.m),
      ("the second moment of", training.optimizer.v),
    ] {
      buffer.base[entry.offset + entry.count - 1] = .nan
      #expect(throws: NonFiniteTensor(tensor: "\(kind) \(entry.name)", step: 9)) {
        try training.checkIsFinite(step: 9)
      }
      buffer.base[entry.offset + entry.count - 1] = 0
    }
    try training.checkIsFinite(step: 9)
  }
}
