import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import TestSupport
import Testing

@Suite("The packed engine of the linear layer")
struct LinearEngineTests {
  /// Operands of a ragged layer of N = 37, D = 50, C = 33.
  struct Sample {
    let n = 37
    let d = 50
    let c = 33
    let x, w, b, dy, ema: [Float]

    init(_ random: inout TestRandom) {
      // Sums of 4-bit products are mostly exact in single precision. Numbers of very different sizes make
      // them round.
      func spread(_ count: Int) -> [Float] {
        (0..<count).map { _ in
          random.normal()
            * Float(sign: .plus, exponent: random.integer(below: 25) - 12, significand: 1)
        }
      }
      (x, w, dy) = (spread(n * d), spread(c * d), spread(n * c))
      b = random.normals(c)
      ema = zip(w, random.normals(c * d)).map { $0 + 0.1 * $1 }
    }

    /// The results of an engine, which is expected to compute what the recipe lets it.
    ///
    /// Counted and not seen by the bits: short sums may be exact in both engines.
    func result(_ recipe: LinearRecipe, _ engine: Engine, step: Int) throws -> LinearResult {
      let products = ProductCensus()
      let result = try LinearResult(
        x: x, w: w, b: b, dy: dy, ema: ema, n: n, d: d, c: c, recipe: recipe, engine: engine,
        context: StepContext(cpu, seed: 6, step: step, products: products))
      for product in LinearProduct.allCases {
        let (a, b) = product.operands
        let isPacked = engine == .packed && Self.areMultiplied(recipe[a]?.format, recipe[b]?.format)
        #expect(products[product, .packed] == (isPacked ? 1 : 0), "\(product) of \(recipe)")
        #expect(products[product, .simulated] == (isPacked ? 0 : 1), "\(product) of \(recipe)")
      }
      return result
    }

    /// Whether there are packed products of two formats.
    private static func areMultiplied(_ a: BlockFormat?, _ b: BlockFormat?) -> Bool {
      let packed: [BlockFormat] = [.mxfp4, .mxe3m0, .mxe2m3, .int4]
      guard let a, let b else { return false }
      return packed.contains(a) && packed.contains(b) || a.groupSize == 16 && b.groupSize == 16
    }

    /// Expects both engines to give the same results to the rounding of single precision.
    func expectAgreement(_ recipe: LinearRecipe, step: Int, _ label: String) throws {
      let packed = try result(recipe, .packed, step: step)
      let simulated = try result(recipe, .simulated, step: step)
      for ((name, values), (_, expected)) in zip(packed.all, simulated.all) {
        let error = relativeError(values, expected)
        #expect(error <= 1e-6, "\(name) of \(label): \(error)")
        #expect(values.contains { $0 != 0 }, "\(name) of \(label)")
      }
    }
  }

  @Test(
    "agrees with the simulated one for any quantizers that are on, from the same random bits",
    arguments: [Rounding.nearestEven, .stochastic])
  func subsets(rounding: Rounding) throws {
    var random = TestRandom(seed: 100)
    let sample = Sample(&random)
    for subset in 0..<64 {
      let on = Operand.allCases.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
      let quantizers = on.map { ($0, QuantizerRecipe(rounding: rounding)) }
      for (q4, q6) in [(false, false), (false, true), (true, false), (true, true)] {
        let recipe = LinearRecipe(
          quantizers: Dictionary(uniqueKeysWithValues: quantizers), q4ReadsQuantized: q4,
          q6ReadsQuantized: q6)
        let label = "\(on), reading quantized \(q4) \(q6)"
        try sample.expectAgreement(recipe, step: subset, label)
      }
    }
  }

  @Test("agrees with the simulated one for mixed formats, scale rules and roundings")
  func mixed() throws {
    var random = TestRandom(seed: 101)
    let sample = Sample(&random)
    let formats = BlockFormat.allCases.filter { $0 != .int4 }
    for step in 0..<200 {
      var recipe = LinearRecipe(
        q4ReadsQuantized: random.integer(below: 2) == 1,
        q6ReadsQuantized: random.integer(below: 2) == 1)
      for operand in Operand.allCases where random.integer(below: 8) > 0 {
        // Only weights have moving averages.
        let roundings = Rounding.allCases.filter { $0 != .ema || operand == .q2 }
        let format = formats[random.integer(below: formats.count)]
        recipe[operand] = QuantizerRecipe(
          format: format,
          scaleRule: format.scaleRules[random.integer(below: format.scaleRules.count)],
          rounding: roundings[random.integer(below: roundings.count)])
      }
      try sample.expectAgreement(recipe, step: step, "\(recipe)")
    }
  }

  @Test(
    "computes its output again from what it saved, to the bit",
    arguments: [
      LinearRecipe.tetrajet, .tetrajet.withBackwardRounding(.nearestEven), .tetrajetV2,
    ])
  func recomputed(recipe: LinearRecipe) throws {
    var random = TestRandom(seed: 102)
    for (n, d, c) in [(37, 50, 33), (300, 96, 200)] {
      let linear = Linear(name: "test", index: 1, inputs: d, outputs: c, recipe: recipe)
      #expect(linear.canRecomputeOutput)
      let x = Owned(random.normals(n * d), rows: n, columns: d)
      let (w, b) = (
        Owned(random.normals(c * d), rows: c, columns: d),
        Owned(random.normals(c), rows: 1, columns: c)
      )
      let (y, again) = (Owned(rows: n, columns: c), Owned(rows: n, columns: c))
      // Every tenth channel is wide, where the recipe has any.
      let marks = Owned((0..<d).map { $0 % 10 == 3 ? 1 : 0 }, rows: 1, columns: d)
      let parameters = Linear.Parameters(
        weight: w.matrix, bias: b.matrix,
        channels: recipe.outControl == nil ? nil : marks.matrix)
      let workspace = Workspace(chunkCount: 1 << 12)
      try withExtendedLifetime((w, b, marks)) {
        let products = ProductCensus()
        let context = StepContext(cpu, products: products)
        let saved = try linear.forward(
          x.matrix, parameters, y: y.matrix, workspace: workspace, context: context)
        // The layer reads its own codes, not x.
        x.matrix.base.update(repeating: .nan, count: n * d)
        let output = linear.output(
          saved, parameters, arena: workspace.scratch, context: context)
        cpu.make(.numbers(output), into: again.matrix, arena: workspace.scratch, profile: nil)
        #expect(products[.y, .packed] == 2 && products[.packed] == 2)
      }
      #expect(y.values == again.values && y.values.allSatisfy(\.isFinite))
    }
  }

  @Test("needs no input again, and keeps at most 0.6 bytes an element, where the engine is packed")
  func memory() throws {
    let (n, d, c) = (2000, 384, 1536)
    var random = TestRandom(seed: 103)
    let x = Owned(random.normals(n * d), rows: n, columns: d)
    let w = Owned(random.normals(c * d), rows: c, columns: d)
    let (b, y) = (Owned(rows: 1, columns: c), Owned(rows: n, columns: c))
    let parameters = Linear.Parameters(weight: w.matrix, bias: b.matrix)
    let workspace = Workspace()
    func keeps(_ recipe: LinearRecipe, _ engine: Engine) throws -> (bytes: Int, input: Bool) {
      let linear = Linear(
        name: "test", index: 0, inputs: d, outputs: c, recipe: recipe, engine: engine)
      return try workspace.frame {
        try withExtendedLifetime((w, b)) {
          _ = try linear.forward(
            x.matrix, parameters, y: y.matrix, workspace: workspace, context: StepContext(cpu))
        }
        #expect(workspace.scratch.usedCount == 0)
        return (workspace.kept.usedCount * 4, linear.keepsInput)
      }
    }
    for recipe in [LinearRecipe.tetrajet, .microscaling] {
      let packed = try keeps(recipe, .packed)
      #expect(!packed.input && packed.bytes > 0)
      #expect(Double(packed.bytes) <= 0.6 * Double(n * d + c * d), "\(packed.bytes)")
      // What Q6 goes on from: Q1(X), rounded, or X itself.
      let simulated = try keeps(recipe, .simulated)
      #expect(simulated.input != recipe.q6ReadsQuantized)
      #expect(simulated.bytes == (recipe.q6ReadsQuantized ? n * d * 4 : 0))
    }
    let fp32 = try keeps(.fp32, .packed)
    #expect(fp32.input && fp32.bytes == 0)
  }
}
