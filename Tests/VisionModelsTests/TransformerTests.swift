import MXLinear
import MXRuntime
import TestSupport
import Testing
import VisionModels

@Suite("The vision transformers")
struct TransformerTests {
  static let small = ModelConfiguration(
    imageSize: 12, patchSize: 4, channels: 1, width: 20, depth: 3, heads: 2, mlpRatio: 2, classes: 5
  )

  /// Windows of four on grids of ten and five, which fill up and roll, and one window on the last grid, of three.
  static let smallSwin: ModelConfiguration = {
    var swin = ModelConfiguration.swin(
      imageSize: 20, patchSize: 2, width: 8, depths: [2, 2, 1], heads: [2, 4, 4], windowSize: 4,
      classes: 5)
    (swin.channels, swin.mlpRatio) = (1, 2)
    return swin
  }()

  /// LayerScale far from its initial value: with that, no branch would matter.
  static let smallDeiT3: ModelConfiguration = {
    var deit3 = small
    (deit3.architecture, deit3.layerScale) = (.deit3, 0.8)
    return deit3
  }()

  /// A small model of each family.
  static let families = [small, smallSwin, smallDeiT3]

  /// A small model with weights far from their initial values, images and labels.
  static func sample(
    _ configuration: ModelConfiguration, recipe: LinearRecipe = .fp32, engine: Engine = .packed,
    batch: Int = 3
  ) throws -> (
    model: VisionModel, weights: AlignedBuffer<Float>, images: [Float], labels: [Int]
  ) {
    var random = TestRandom(seed: 50)
    let model = try VisionModel(configuration, recipe: recipe, engine: engine)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    model.initialize(weights, seed: 1, by: cpu)
    for index in 0..<weights.count { weights.base[index] += 0.2 * random.normal() }
    let pixels = configuration.channels * configuration.imageSize * configuration.imageSize
    return (
      model, weights, random.normals(batch * pixels),
      (0..<batch).map { $0 % configuration.classes }
    )
  }

  @Test("give out the output of any block: what a model that ends there gives out at its end")
  func outputOfBlock() throws {
    var shallow = Self.small
    shallow.depth = 2
    var shallowSwin = Self.smallSwin
    (shallowSwin.stageDepths, shallowSwin.stageHeads) = ([2, 1], [2, 4])
    for (whole, part, block) in [(Self.small, shallow, 2), (Self.smallSwin, shallowSwin, 3)] {
      let (model, weights, images, labels) = try Self.sample(whole)
      let small = try VisionModel(part, recipe: .fp32)
      let own = AlignedBuffer<Float>(count: small.parameters.count)
      for entry in small.parameters.entries {
        let source = model.parameters.entries.first { $0.name == entry.name }
        // Head and last norm, which play no part, may be of another width.
        guard let source, source.shape == entry.shape else { continue }
        for index in 0..<entry.count {
          own.base[entry.offset + index] = weights.base[source.offset + index]
        }
      }
      func features(_ model: VisionModel, _ weights: AlignedBuffer<Float>, _ block: Int?) throws
        -> [Float]
      {
        let pass = Pass(
          cpu, weights: weights, workspace: Workspace(), context: StepContext(cpu))
        return Array(
          try model.features(
            input(images, rows: labels.count, pass), block: block, pass
          ).elements)
      }
      let expected = try features(small, own, nil)
      #expect(try features(model, weights, block) == expected)
      #expect(try features(model, weights, block - 1) != expected)
      let last = try features(model, weights, nil)
      #expect(try features(model, weights, model.configuration.blocks) == last)
    }
  }

  @Test("start with a class token of the deviation that is asked for, and the same else")
  func classToken() throws {
    let shape = ModelConfiguration(
      imageSize: 8, patchSize: 4, channels: 1, width: 1024, depth: 1, heads: 2, classes: 2)
    func initial(_ deviation: Float) throws -> (token: [Float], rest: [Float]) {
      var shape = shape
      shape.classTokenDeviation = deviation
      let model = try VisionModel(shape, recipe: .fp32)
      let weights = AlignedBuffer<Float>(count: model.parameters.count)
      model.initialize(weights, seed: 3, by: cpu)
      let token = try #require(model.parameters.entries.first { $0.name == "cls_token" }).range
      let all = Array(weights.elements)
      return (Array(all[token]), Array(all[..<token.lowerBound] + all[token.upperBound...]))
    }
    let (own, timm) = (try initial(0.02), try initial(1e-6))
    let deviation = (own.token.reduce(0) { $0 + $1 * $1 } / 1024).squareRoot()
    #expect(abs(deviation / 0.02 - 1) < 0.1 && own.rest == timm.rest)
    #expect(timm.token.allSatisfy { abs($0) < 1e-5 })
  }

  @Test("have timm's parameter counts")
  func parameterCounts() throws {
    let counts = try ModelConfiguration.presets.map {
      try VisionModel($0.configuration, recipe: .tetrajet).parameters.count
    }
    #expect(
      counts == [
        5_717_416, 22_050_664, 86_567_656, 28_288_354, 49_606_258, 22_059_496, 86_585_320,
      ])
  }

  @Test("decay exactly the weight matrices and quantize exactly the four of each block")
  func parameterTreatment() throws {
    let swin = try VisionModel(Self.smallSwin, recipe: .tetrajet).parameters
    #expect(swin.entries.count { $0.decays } == 5 * 4 + 2 + 2)
    #expect(swin.entries.count { $0.quantized } == 5 * 4)
    let still = swin.entries.filter { !$0.decays && $0.shape.count > 1 }.map(\.name)
    #expect(still.count == 5 && still.allSatisfy { $0.hasSuffix("relative_position_bias_table") })
    let table = try VisionModel(Self.small, recipe: .tetrajet).parameters
    let decaying = table.entries.filter(\.decays).map(\.name)
    #expect(decaying.count == 3 * 4 + 2 && decaying.contains("patch_embed.proj.weight"))
    #expect(decaying.contains("head.weight") && !decaying.contains("pos_embed"))
    let quantized = table.entries.filter(\.quantized).map(\.name)
    #expect(quantized.count == 12)
    #expect(quantized.allSatisfy { $0.contains(".attn.") || $0.contains(".mlp.") })
  }

  @Test(
    "have gradients that agree with differences of the loss, for every tensor",
    arguments: families, [false, true])
  func gradients(shape: ModelConfiguration, dropPath: Bool) throws {
    var configuration = shape
    if dropPath { configuration.dropPath = 0.4 }
    let (model, weights, images, labels) = try Self.sample(configuration)
    // The seed decides which branches are dropped; both passes of a difference drop the same ones.
    let context = StepContext(cpu, seed: 2, step: 1)
    func step() throws -> ModelStep {
      try ModelStep(
        model, weights: weights, images: images, labels: labels, context: context,
        training: dropPath)
    }
    let exact = try step()
    var random = TestRandom(seed: 51)
    for entry in model.parameters.entries {
      // Along a random direction: one difference tests the whole tensor.
      let direction = random.normals(entry.count)
      let slope = zip(exact.gradients.elements[entry.range], direction)
        .reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      let original = Array(weights.elements[entry.range])
      func loss(_ distance: Float) throws -> Double {
        for (index, value) in original.enumerated() {
          weights.base[entry.offset + index] = value + distance * direction[index]
        }
        return try step().loss
      }
      // Fourth-order differences: the error is that of single precision, about 1e-7/h.
      let h: Float = 2e-3
      let difference =
        try (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * Double(h))
      _ = try loss(0)
      #expect(
        abs(difference - slope) < 2e-3 * max(1, abs(slope)),
        "\(entry.name): \(difference) against \(slope)")
    }
  }

  @Test(
    "compute the same logits with and without what backward needs", arguments: families,
    Engine.allCases)
  func logitsAlone(shape: ModelConfiguration, engine: Engine) throws {
    for recipe in [LinearRecipe.fp32, .tetrajet, .microscaling] {
      let (model, weights, images, labels) = try Self.sample(
        shape, recipe: recipe, engine: engine)
      let step = try ModelStep(model, weights: weights, images: images, labels: labels)
      let workspace = Workspace(chunkCount: 1 << 12)
      let pass = Pass(cpu, weights: weights, workspace: workspace, context: StepContext(cpu))
      let logits = Array(
        try model.logits(input(images, rows: labels.count, pass), pass).elements)
      #expect(logits == step.logits)
    }
  }

  @Test(
    "compute again what they do not keep, to the bit, as far as there are codes",
    arguments: families, Engine.allCases)
  func recomputation(shape: ModelConfiguration, engine: Engine) throws {
    var shape = shape
    shape.dropPath = 0.5
    for recipe in [LinearRecipe.fp32, .tetrajet, .microscaling] {
      let (model, weights, images, labels) = try Self.sample(shape, recipe: recipe, engine: engine)
      func step(_ recomputation: Recomputation) throws -> ModelStep {
        try ModelStep(
          model, weights: weights, images: images, labels: labels,
          context: StepContext(cpu, seed: 1, step: 2), training: true,
          recomputation: recomputation)
      }
      let steps = try Recomputation.allCases.map(step)
      for other in steps.dropFirst() {
        #expect(other.logits == steps[0].logits)
        #expect(Array(other.gradients.elements) == Array(steps[0].gradients.elements))
      }
      let kept = steps.map(\.kept)
      if recipe == .tetrajet, engine == .packed {
        #expect(kept[0] > kept[1] && kept[1] > kept[2], "\(kept)")
      } else {
        #expect(Set(kept).count == 1, "\(kept)")
      }
    }
  }

  @Test(
    "encode their weights once for an evaluation: what is done to these later is not seen by it",
    arguments: families)
  func encodedOnce(shape: ModelConfiguration) throws {
    let (model, weights, images, labels) = try Self.sample(shape, recipe: .tetrajet)
    let arena = Arena(chunkCount: 1 << 12)
    func evaluation() throws -> Pass {
      try model.evaluationPass(
        cpu, weights: weights, averages: nil, workspace: Workspace(), encoded: arena)
    }
    func logits(_ pass: Pass) throws -> [Float] {
      Array(try model.logits(input(images, rows: labels.count, pass), pass).elements)
    }
    let pass = try evaluation()
    let before = try logits(pass)
    for entry in model.parameters.entries where entry.quantized {
      for place in entry.range { weights[place] *= -1.5 }
    }
    #expect(try logits(pass) == before)
    #expect(try logits(evaluation()) != before)
  }

  @Test(
    "drop no branch in evaluation and some in training", arguments: families)
  func dropPath(shape: ModelConfiguration) throws {
    var configuration = shape
    let (model, weights, images, labels) = try Self.sample(configuration)
    let plain = try ModelStep(model, weights: weights, images: images, labels: labels)
    configuration.dropPath = 0.5
    let dropping = try VisionModel(configuration, recipe: .fp32)
    let evaluated = try ModelStep(dropping, weights: weights, images: images, labels: labels)
    let trained = try ModelStep(
      dropping, weights: weights, images: images, labels: labels, training: true)
    #expect(evaluated.logits == plain.logits && trained.logits != plain.logits)
  }

  @Test(
    "drop path keeps the expected value of a branch: dropped or scaled up, whole images at a time")
  func dropPathScale() {
    let (images, tokens) = (4000, 3)
    let arena = Arena(chunkCount: 1 << 16)
    let (x, branch) = (
      arena.matrix(rows: images * tokens, columns: 2),
      arena.matrix(rows: images * tokens, columns: 2)
    )
    x.base.update(repeating: 0, count: x.count)
    branch.base.update(repeating: 1, count: branch.count)
    let random = RandomStream(seed: 3, purpose: .dropPath)
    DropPath(probability: 0.2, tokens: tokens).add(branch, to: x, into: x, random, cpu)
    var kept = 0
    for image in 0..<images {
      let factors = Set(x.rows(image * tokens..<(image + 1) * tokens).elements)
      #expect(factors == [0] || factors == [1.25])
      if factors == [1.25] { kept += 1 }
    }
    // Five standard deviations of a count of 4000 with probability 0.8.
    #expect(abs(kept - 3200) < 5 * 26)
  }

  @Test(
    "windows take every token once, fill up with zeros, and keep apart what a roll put together")
  func windows() throws {
    let layout = WindowLayout(WindowShape(side: 5, window: 4, isShifted: true))
    #expect(
      layout.shape.windows == 4 && layout.shape.shift == 2 && layout.toWindows.rows(50) == 2 * 64)
    let arena = Arena(chunkCount: 1 << 12)
    let (x, y, back) = (
      arena.matrix(rows: 50, columns: 1), arena.matrix(rows: 128, columns: 1),
      arena.matrix(rows: 50, columns: 1)
    )
    for row in 0..<50 { x.base[row] = Float(row + 1) }
    cpu.gather(x, layout.toWindows, into: y)
    // The first window begins at row 2, column 2 of the image.
    #expect(y.base[0] == 13 && y.base[64] == 38)
    #expect(y.elements.count { $0 == 0 } == 128 - 50)
    cpu.gather(y, layout.toImage, into: back)
    #expect(Array(back.elements) == Array(x.elements))
    let masks = try #require(layout.masks)
    // Rolled, the last two rows of the padded grid come from its top; the first window meets nobody new.
    #expect(masks.count == 4 * 256 && masks.elements.prefix(256).allSatisfy { $0 == 0 })
    #expect(masks.elements.suffix(256).contains(-100))
    for window in 0..<4 {
      for i in 0..<16 {
        #expect(masks.base[window * 256 + i * 17] == 0)
        for j in 0..<16 {
          #expect(masks.base[window * 256 + i * 16 + j] == masks.base[window * 256 + j * 16 + i])
        }
      }
    }
    let whole = WindowShape(side: 3, window: 4, isShifted: true)
    #expect(whole.window == 3 && whole.shift == 0 && whole.windows == 1)
    #expect(WindowLayout(whole).masks == nil)
  }

  @Test("refuse impossible shapes by the recipe's key")
  func impossibleShapes() {
    func error(_ change: (inout ModelConfiguration) -> Void) -> ModelError? {
      var configuration = Self.small
      change(&configuration)
      do {
        try configuration.validate()
        return nil
      } catch { return error as? ModelError }
    }
    #expect(error { $0.heads = 3 } == .heads(3, width: 20))
    #expect(error { $0.patchSize = 5 } == .patch(5, imageSize: 12))
    #expect(error { $0.depth = 0 } == .tooSmall(key: "depth", value: 0))
    #expect(error { $0.channels = 2 } == .channels(2))
    #expect(error { $0.dropPath = 1 } == .dropPath(1))
    #expect(error { $0.architecture = .swin } == .stages(depths: [], heads: []))
    #expect(
      error {
        $0 = Self.smallSwin
        $0.stageHeads = [2, 4, 5]
      } == .heads(5, width: 32))
    #expect(
      error {
        $0 = Self.smallSwin
        $0.windowSize = 0
      } == .tooSmall(key: "window_size", value: 0))
    #expect(
      ModelError.heads(3, width: 20).description
        == "heads 3 does not divide width 20; try 2 or 4")
    #expect(
      ModelError.heads(3, width: 20).text(prefix: "model.")
        == "model.heads 3 does not divide model.width 20; try 2 or 4")
  }
}
