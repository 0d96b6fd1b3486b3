import MXLinear
import Runtime
import TestSupport
import Testing
import VisionModels

@Suite("The vision transformer")
struct TransformerTests {
  static let small = ViTConfiguration(
    imageSize: 12, patchSize: 4, channels: 1, width: 20, depth: 3, heads: 2, mlpRatio: 2, classes: 5
  )

  /// A small model with weights far from their initial values, images and labels.
  static func sample(
    _ configuration: ViTConfiguration, recipe: LinearRecipe = .fp32, engine: Engine = .packed,
    batch: Int = 3
  ) throws -> (
    model: VisionTransformer, weights: AlignedBuffer<Float>, images: [Float], labels: [Int]
  ) {
    var random = TestRandom(seed: 50)
    let model = try VisionTransformer(configuration, recipe: recipe, engine: engine)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    model.initialize(weights, seed: 1)
    for index in 0..<weights.count { weights.base[index] += 0.2 * random.normal() }
    let pixels = configuration.channels * configuration.imageSize * configuration.imageSize
    return (
      model, weights, random.normals(batch * pixels),
      (0..<batch).map { $0 % configuration.classes }
    )
  }

  @Test("has timm's parameter counts for the three DeiT models")
  func parameterCounts() throws {
    let counts = try ViTConfiguration.presets.map {
      try VisionTransformer($0.configuration, recipe: .tetrajet).parameters.count
    }
    #expect(counts == [5_717_416, 22_050_664, 86_567_656])
  }

  @Test("decays exactly the weight matrices and quantizes exactly the four of each block")
  func parameterTreatment() throws {
    let table = try VisionTransformer(Self.small, recipe: .tetrajet).parameters
    let decaying = table.entries.filter(\.decays).map(\.name)
    #expect(decaying.count == 3 * 4 + 2 && decaying.contains("patch_embed.proj.weight"))
    #expect(decaying.contains("head.weight") && !decaying.contains("pos_embed"))
    let quantized = table.entries.filter(\.quantized).map(\.name)
    #expect(quantized.count == 12)
    #expect(quantized.allSatisfy { $0.contains(".attn.") || $0.contains(".mlp.") })
  }

  @Test(
    "has gradients that agree with differences of the loss, for every tensor",
    arguments: [false, true])
  func gradients(dropPath: Bool) throws {
    var configuration = Self.small
    if dropPath { configuration.dropPath = 0.4 }
    let (model, weights, images, labels) = try Self.sample(configuration)
    // The seed decides which branches are dropped; both passes of a difference drop the same ones.
    let context = StepContext(seed: 2, step: 1)
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
    "computes the same logits with and without what backward needs", arguments: Engine.allCases)
  func logitsAlone(engine: Engine) throws {
    for recipe in [LinearRecipe.fp32, .tetrajet, .microscaling] {
      let (model, weights, images, labels) = try Self.sample(
        Self.small, recipe: recipe, engine: engine)
      let step = try ModelStep(model, weights: weights, images: images, labels: labels)
      let workspace = Workspace(chunkCount: 1 << 12)
      let logits = try images.withUnsafeBufferPointer {
        Array(
          try model.logits(
            $0.baseAddress!, batch: labels.count, Pass(weights: weights, workspace: workspace)
          ).elements)
      }
      #expect(logits == step.logits)
    }
  }

  @Test("drops no branch in evaluation and some in training")
  func dropPath() throws {
    var configuration = Self.small
    let (model, weights, images, labels) = try Self.sample(configuration)
    let plain = try ModelStep(model, weights: weights, images: images, labels: labels)
    configuration.dropPath = 0.5
    let dropping = try VisionTransformer(configuration, recipe: .fp32)
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
    DropPath(probability: 0.2, tokens: tokens).add(branch, to: x, into: x, random)
    var kept = 0
    for image in 0..<images {
      let factors = Set(x.rows(image * tokens..<(image + 1) * tokens).elements)
      #expect(factors == [0] || factors == [1.25])
      if factors == [1.25] { kept += 1 }
    }
    // Five standard deviations of a count of 4000 with probability 0.8.
    #expect(abs(kept - 3200) < 5 * 26)
  }

  @Test("refuses impossible shapes by the recipe's key")
  func impossibleShapes() {
    func error(_ change: (inout ViTConfiguration) -> Void) -> ModelError? {
      var configuration = Self.small
      change(&configuration)
      do {
        try configuration.validate()
        return nil
      } catch { return error as? ModelError }
    }
    #expect(error { $0.heads = 3 } == .heads(3, width: 20))
    #expect(error { $0.patchSize = 5 } == .patch(5, imageSize: 12))
    #expect(error { $0.depth = 0 } == .tooSmall(key: "model.depth", value: 0))
    #expect(error { $0.channels = 2 } == .channels(2))
    #expect(error { $0.dropPath = 1 } == .dropPath(1))
    #expect(
      ModelError.heads(3, width: 20).description
        == "model.heads 3 does not divide model.width 20; try 2 or 4")
  }
}
