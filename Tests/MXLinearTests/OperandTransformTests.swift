import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import TestSupport
import Testing

@Suite("What a linear layer does to its operands before it quantizes them")
struct OperandTransformTests {
  /// Of whole groups, and of what is left behind them, in all three directions.
  private let n = 70
  private let d = 96
  private let c = 40

  private struct Sample {
    var x, w, b, dy, mean: [Float]
  }

  private func sample(_ seed: UInt64) -> Sample {
    var random = TestRandom(seed: seed)
    // Far from 0, as what is behind GELU.
    let mean = random.normals(d).map { 2 + $0 }
    let x = random.normals(n * d).enumerated().map { mean[$0 % d] + 0.3 * $1 }
    return Sample(
      x: x, w: random.normals(c * d), b: random.normals(c), dy: random.normals(n * c), mean: mean)
  }

  private func result(
    _ sample: Sample, _ recipe: LinearRecipe, mean: [Float]? = nil, engine: Engine = .packed
  ) throws -> LinearResult {
    try LinearResult(
      x: sample.x, w: sample.w, b: sample.b, dy: sample.dy, mean: mean, n: n, d: d, c: c,
      recipe: recipe, engine: engine)
  }

  /// x·H along rows, with the matrix itself: (−1) to the number of ones that row and column have in common, over √32.
  private func rotated(_ x: [Float], columns: Int) -> [Float] {
    let whole = columns / 32 * 32
    return x.indices.map { place in
      let (row, column) = (place / columns, place % columns)
      if column >= whole { return x[place] }
      let start = row * columns + column / 32 * 32
      let sum = (0..<32).reduce(0.0) { sum, other in
        let sign = (other & (column % 32)).nonzeroBitCount.isMultiple(of: 2) ? 1.0 : -1
        return sum + sign * Double(x[start + other])
      }
      return Float(sum / 32.0.squareRoot())
    }
  }

  private static let recipes: [LinearRecipe] = {
    var single = LinearRecipe.tetrajet
    (single.q4ReadsQuantized, single.q6ReadsQuantized) = (false, false)
    return [.fp32, .tetrajet, .microscaling, single]
  }()

  @Test(
    "a mean that is subtracted comes back: the layer of X − 1μᵀ, and Q2(W)·μ and Σ dY·μᵀ beside it",
    arguments: recipes, Engine.allCases)
  func meanSplit(recipe: LinearRecipe, engine: Engine) throws {
    let sample = sample(1)
    let split = try result(sample, recipe, mean: sample.mean, engine: engine)
    var beside = sample
    beside.x = sample.x.enumerated().map { $1 - sample.mean[$0 % d] }
    let plain = try result(beside, recipe, engine: engine)
    #expect(split.dx == plain.dx && split.db == plain.db)

    // Q2(W), as a layer shows it whose inputs are the unit vectors.
    let identity = (0..<d * d).map { $0 / d == $0 % d ? Float(1) : 0 }
    var weightsOnly = LinearRecipe()
    weightsOnly[.q2] = recipe[.q2]
    let quantized = try LinearResult(
      x: identity, w: sample.w, b: [Float](repeating: 0, count: c),
      dy: [Float](repeating: 0, count: d * c), n: d, d: d, c: c, recipe: weightsOnly,
      engine: .simulated
    ).y
    let moved = (0..<c).map { row in
      (0..<d).reduce(0.0) { $0 + Double(quantized[$1 * c + row]) * Double(sample.mean[$1]) }
    }
    for (place, y) in split.y.enumerated() {
      #expect(abs(Double(y) - Double(plain.y[place]) - moved[place % c]) < 1e-4)
    }
    for (place, dw) in split.dw.enumerated() {
      let outer = Double(plain.db[place / d]) * Double(sample.mean[place % d])
      #expect(abs(Double(dw) - Double(plain.dw[place]) - outer) < 1e-4)
    }
    for column in 0..<d {
      let mean = (0..<n).reduce(0.0) { $0 + Double(sample.x[$1 * d + column]) } / Double(n)
      let distance = Double(split.distance[column])
      #expect(abs(distance - (mean - Double(sample.mean[column]))) < 1e-5)
    }
  }

  @Test("a mean that is subtracted takes most of what Q1 loses of inputs that lie around one")
  func meanSplitGains() throws {
    let sample = sample(2)
    var recipe = LinearRecipe()
    let exact = try result(sample, recipe).y
    recipe[.q1] = QuantizerRecipe()
    func error(_ y: [Float]) -> Double {
      zip(y, exact).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    }
    let plain = try error(result(sample, recipe).y)
    #expect(try error(result(sample, recipe, mean: sample.mean).y) < plain / 10)
  }

  @Test(
    "a forward product of rotated operands is that of a layer which is given them rotated, and its gradients are turned back",
    arguments: [LinearRecipe.tetrajet, .microscaling], Engine.allCases)
  func rotatedForward(recipe: LinearRecipe, engine: Engine) throws {
    let sample = sample(3)
    var turned = recipe
    turned.rotatedProducts = [.y]
    let result = try result(sample, turned, engine: engine)
    var given = sample
    given.x = rotated(sample.x, columns: d)
    given.w = rotated(sample.w, columns: d)
    let plain = try self.result(given, recipe, engine: engine)
    #expect(relativeError(result.y, plain.y) < 2e-3)
    if recipe.q6ReadsQuantized {
      #expect(relativeError(result.dw, rotated(plain.dw, columns: d)) < 2e-3)
      #expect(relativeError(result.dx, rotated(plain.dx, columns: d)) < 2e-3)
    } else {
      // The backward products read X and W themselves.
      let own = try self.result(sample, recipe, engine: engine)
      #expect(result.dw == own.dw && result.dx == own.dx)
    }
    #expect(result.y != (try self.result(sample, recipe, engine: engine)).y)
  }

  @Test(
    "rotated operands of a backward product give the product itself, but for what quantizers lose",
    arguments: [LinearProduct.dx, .dw])
  func rotatedBackward(product: LinearProduct) throws {
    let sample = sample(4)
    var recipe = LinearRecipe.tetrajet
    let exact = try result(sample, recipe.straightThrough)
    recipe.rotatedProducts = [product]
    let plain = try result(sample, .tetrajet)
    let (packed, simulated) = (
      try result(sample, recipe), try result(sample, recipe, engine: .simulated)
    )
    func gradient(_ result: LinearResult) -> [Float] { product == .dx ? result.dx : result.dw }
    #expect(relativeError(gradient(packed), gradient(simulated)) < 1e-6)
    // Of the order of without: random rounding of 4 bits. (The columns of X lie around means, which a rotation heaps up.)
    let error = relativeError(gradient(plain), gradient(exact))
    #expect(relativeError(gradient(packed), gradient(exact)) < 2 * error)
    #expect(gradient(packed) != gradient(plain) && packed.y == plain.y)
    // The other product is as it was.
    #expect(product == .dx ? packed.dw == plain.dw : packed.dx == plain.dx)
  }

  @Test("a mean and a rotation go together")
  func together() throws {
    let sample = sample(5)
    var recipe = LinearRecipe.tetrajet
    recipe.rotatedProducts = Set(LinearProduct.allCases)
    let (packed, simulated) = (
      try result(sample, recipe, mean: sample.mean),
      try result(sample, recipe, mean: sample.mean, engine: .simulated)
    )
    for ((name, values), (_, expected)) in zip(packed.all, simulated.all) {
      #expect(relativeError(values, expected) < 1e-6, "\(name)")
    }
    let exact = try result(sample, .fp32)
    let plain = try result(sample, .tetrajet)
    #expect(relativeError(packed.y, exact.y) < relativeError(plain.y, exact.y))
    #expect(relativeError(packed.dw, exact.dw) < relativeError(plain.dw, exact.dw))
  }

  @Test(
    "in NVIDIA's NVFP4 both operands of dW are rotated by the same signs, which change step by step"
  )
  func randomSigns() throws {
    let sample = sample(6)
    let recipe = LinearRecipe.nvidiaNVFP4
    let exact = try result(sample, .fp32)
    let packed = try result(sample, recipe)
    let simulated = try result(sample, recipe, engine: .simulated)
    for ((name, values), (_, expected)) in zip(packed.all, simulated.all) {
      #expect(relativeError(values, expected) < 1e-6, "\(name)")
    }
    // Operands of other signs would have a product that has nothing to do with the gradient.
    #expect(relativeError(packed.dw, exact.dw) < 0.3)
    var plain = recipe
    plain.rotatedProducts = []
    let unrotated = try result(sample, plain)
    #expect(packed.y == unrotated.y && packed.dx == unrotated.dx && packed.dw != unrotated.dw)
    let streams = [RandomPurpose.q5, .q6, .q3].map { RandomStream(seed: 1, purpose: $0, step: 4) }
    #expect(streams[0].signs == streams[1].signs && streams[0].signs != streams[2].signs)
    #expect(streams[0].signs != RandomStream(seed: 1, purpose: .q5, step: 5).signs)
  }

  @Test("squares of weights that share scales are the same numbers in the backward pass")
  func squares() throws {
    var random = TestRandom(seed: 7)
    let (rows, columns) = (50, 70)
    let w = Owned(random.normals(rows * columns), rows: rows, columns: columns)
    var quantizer = QuantizerRecipe(format: .nvfp4, scaleRule: .even)
    let arena = Arena(chunkCount: 1 << 12)
    let stream = RandomStream(seed: 0, purpose: .q4)
    func values(_ operand: Encoded) throws -> [Float] {
      guard case .codes(let view) = operand.content else { throw NoCodes() }
      return view.quantized(axis: operand.axis, outerScale: operand.outerScale ?? 1).values
    }
    func both() throws -> (forward: [Float], backward: [Float]) {
      let forward = cpu.encode(
        w.matrix, averages: nil, axis: .rows, .codes(quantizer), random: stream, arena: arena
      ).operand
      let backward = cpu.recode(
        forward, axis: .columns, .codes(quantizer), random: stream, arena: arena
      ).operand
      return (try values(forward), try values(backward))
    }
    let plain = try both()
    #expect(plain.forward != plain.backward)
    quantizer.isSquare = true
    let square = try both()
    #expect(square.forward == square.backward && square.forward != plain.forward)
  }

  @Test(
    "codes that are rotated have the outer scale of what they are then", arguments: Engine.allCases)
  func rotatedCodes(engine: Engine) throws {
    // Columns around one number, which a rotation heaps up: the largest is four times as large.
    let (rows, columns) = (64, 32)
    var random = TestRandom(seed: 8)
    let x = Owned(random.normals(rows * columns).map { 3 + 0.1 * $0 }, rows: rows, columns: columns)
    let arena = Arena(chunkCount: 1 << 12)
    let stream = RandomStream(seed: 0, purpose: .q6)
    let quantizer = QuantizerRecipe(format: .nvfp4)
    let source = cpu.encode(
      x.matrix, averages: nil, axis: .rows,
      engine == .packed ? .codes(quantizer) : .rounded(quantizer),
      random: stream, arena: arena
    ).operand
    var turning = quantizer
    turning.rotation = .init(length: 16)
    let turned = cpu.recode(
      source, axis: .columns, .rounded(turning), random: stream, arena: arena
    ).operand
    let (before, after) = (Owned(rows: rows, columns: columns), Owned(rows: rows, columns: columns))
    cpu.decode(source, into: before.matrix)
    cpu.decode(turned, into: after.matrix)
    // Four times the mean of each sixteen stands at their first place.
    for column in 0..<columns {
      for start in stride(from: 0, to: rows, by: 16) {
        let sum = (0..<16).reduce(Float(0)) { $0 + before.values[(start + $1) * columns + column] }
        let found = after.values[start * columns + column]
        #expect(abs(found - sum / 4) < 0.1 * sum / 4, "\(found) for \(sum / 4)")
      }
    }
    let scale = try #require(source.outerScale)
    #expect(try #require(turned.outerScale) > 3 * scale)
  }

  private struct NoCodes: Error {}
}
