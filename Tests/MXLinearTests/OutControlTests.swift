import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import TestSupport
import Testing

@Suite("A linear layer some of whose channels are in a wider format")
struct OutControlTests {
  private static let (n, d, c) = (70, 150, 40)
  /// Not the first ones, and of no whole group.
  private static let wide = Array(stride(from: 3, to: d, by: 10))
  private static let marks: [Float] = (0..<d).map { wide.contains($0) ? 1 : 0 }

  private struct Sample {
    var x, w, b, dy: [Float]

    init() {
      var random = TestRandom(seed: 41)
      let sizes = (0..<d).map { wide.contains($0) ? Float(20) : 1 }
      x = random.normals(n * d).enumerated().map { sizes[$0 % d] * $1 }
      (w, b, dy) = (random.normals(c * d), random.normals(c), random.normals(n * c))
    }

    /// Some columns of a matrix of d columns.
    static func columns(_ x: [Float], _ places: [Int]) -> [Float] {
      (0..<x.count / d).flatMap { row in places.map { x[row * d + $0] } }
    }

    func result(
      _ recipe: LinearRecipe, channels: [Float]? = nil, _ engine: Engine = .packed,
      _ context: StepContext = StepContext(cpu)
    ) throws -> LinearResult {
      try LinearResult(
        x: x, w: w, b: b, dy: dy, channels: channels, n: n, d: d, c: c, recipe: recipe,
        engine: engine, context: context)
    }

    /// A layer of some of the channels alone.
    func part(_ places: [Int], bias: Bool, _ recipe: LinearRecipe, _ engine: Engine) throws
      -> LinearResult
    {
      try LinearResult(
        x: Self.columns(x, places), w: Self.columns(w, places),
        b: bias ? b : [Float](repeating: 0, count: c), dy: dy, n: n, d: places.count, c: c,
        recipe: recipe, engine: engine)
    }
  }

  private static func recipe(_ base: LinearRecipe, _ format: BlockFormat) -> LinearRecipe {
    var recipe = base
    recipe.outControl = OutControl(share: 0.1, format: format)
    return recipe
  }

  @Test(
    "computes what two layers do, each of one kind of channels, and dX by the weights that both read",
    arguments: [LinearRecipe.tetrajet, .tetrajetV2],
    [(BlockFormat.mxe4m3, Engine.packed), (.mxe2m3, .packed), (.mxe4m3, .simulated)])
  func formula(base: LinearRecipe, option: (format: BlockFormat, engine: Engine)) throws {
    let sample = Sample()
    let recipe = Self.recipe(base, option.format)
    let both = try sample.result(recipe, channels: Self.marks, option.engine)

    var plain = base
    plain.outControl = nil
    let narrow = (0..<Self.d).filter { !Self.wide.contains($0) }
    let first = try sample.part(narrow, bias: true, plain, option.engine)
    var quantized = LinearRecipe(q4ReadsQuantized: true, q6ReadsQuantized: true)
    for operand in Operand.allCases { quantized[operand] = QuantizerRecipe(format: option.format) }
    let second = try sample.part(Self.wide, bias: false, quantized, option.engine)
    #expect(both.y == zip(first.y, second.y).map(+))
    #expect(both.db == first.db)
    #expect(Sample.columns(both.dw, narrow) == first.dw)
    #expect(Sample.columns(both.dw, Self.wide) == second.dw)

    // The weights that were read, as layers show them whose inputs are the unit vectors.
    func read(_ places: [Int], _ format: QuantizerRecipe?) throws -> [Float] {
      var weights = LinearRecipe()
      weights[.q2] = format
      let count = places.count
      let y = try LinearResult(
        x: (0..<count * count).map { $0 / count == $0 % count ? 1 : 0 },
        w: Sample.columns(sample.w, places), b: [Float](repeating: 0, count: Self.c),
        dy: [Float](repeating: 0, count: count * Self.c), n: count, d: count, c: Self.c,
        recipe: weights, engine: .simulated
      ).y
      return (0..<Self.c * count).map { y[$0 % count * Self.c + $0 / count] }
    }
    var whole = sample
    let parts = [
      (narrow, try read(narrow, base[.q2])),
      (Self.wide, try read(Self.wide, QuantizerRecipe(format: option.format))),
    ]
    for (places, values) in parts {
      for (index, value) in values.enumerated() {
        whole.w[index / places.count * Self.d + places[index % places.count]] = value
      }
    }
    plain.q4ReadsQuantized = false
    #expect(try whole.result(plain, option.engine).dx == both.dx)
  }

  @Test(
    "a quantizer that is off leaves both kinds of channels as they are, in both passes",
    arguments: [Operand.q1, .q2])
  func switchedOff(operand: Operand) throws {
    let sample = Sample()
    let narrow = (0..<Self.d).filter { !Self.wide.contains($0) }
    // What is drawn at random depends on a weight's place.
    var plain = LinearRecipe.tetrajet.withBackwardRounding(.nearestEven)
    plain[operand] = nil
    var quantized = LinearRecipe(q4ReadsQuantized: true, q6ReadsQuantized: true)
    for other in Operand.allCases where other != operand {
      quantized[other] = QuantizerRecipe(format: .mxe4m3)
    }
    let both = try sample.result(Self.recipe(plain, .mxe4m3), channels: Self.marks)
    let first = try sample.part(narrow, bias: true, plain, .packed)
    let second = try sample.part(Self.wide, bias: false, quantized, .packed)
    #expect(both.y == zip(first.y, second.y).map(+))
    #expect(Sample.columns(both.dw, narrow) == first.dw)
    #expect(Sample.columns(both.dw, Self.wide) == second.dw)
    #expect(Sample.columns(both.dx, narrow) == first.dx)
  }

  @Test("what is large in few channels costs the others less")
  func gain() throws {
    let sample = Sample()
    var forward = LinearRecipe(q4ReadsQuantized: true, q6ReadsQuantized: true)
    (forward[.q1], forward[.q2]) = (QuantizerRecipe(), QuantizerRecipe())
    let exact = try sample.result(LinearRecipe()).y
    func error(_ y: [Float]) -> Double { relativeError(y, exact) }
    let plain = try error(sample.result(forward).y)
    let wide = Self.recipe(forward, .mxe4m3)
    #expect(try error(sample.result(wide, channels: Self.marks).y) < 0.7 * plain)
  }

  @Test("waits, counts, and then reads the channels: only the last changes what is computed")
  func phases() throws {
    let sample = Sample()
    let plain = try sample.result(.tetrajet)
    var recipe = Self.recipe(.tetrajet, .mxe4m3)
    for phase in [OutControl.Phase.waiting, .counting, .chosen] {
      recipe.outControl?.phase = phase
      let result = try sample.result(recipe, channels: Self.marks)
      #expect((result.y == plain.y && result.dw == plain.dw) == (phase != .chosen))
      #expect(result.norms.contains { $0 > 0 } == (phase == .counting))
      guard phase == .counting else { continue }
      for column in 0..<Self.d {
        let squares = (0..<Self.n).reduce(0.0) {
          $0 + Double(sample.x[$1 * Self.d + column]) * Double(sample.x[$1 * Self.d + column])
        }
        #expect(result.norms[column] == Float(squares.squareRoot()))
      }
    }
  }

  @Test(
    "the largest sums are chosen, of equal ones the first; without a choice the first channels stand for it"
  )
  func choice() {
    let rule = OutControl(share: 0.4)
    let channels = Owned([-1, -5, -3, -5, -5, -2], rows: 1, columns: 6)
    // Of six channels 2.4.
    withExtendedLifetime(channels) { rule.choose(channels.matrix) }
    #expect(channels.values == [0, 1, 0, 1, 0, 0])
    let arena = Arena(chunkCount: 1 << 12)
    func split(_ values: [Float]) -> [[Int]] {
      let marks = Owned(values, rows: 1, columns: 6)
      let split = withExtendedLifetime(marks) { ChannelSplit(marks.matrix, count: 2, arena) }
      return [Array(split.narrow), Array(split.wide)]
    }
    #expect(split(channels.values) == [[0, 2, 4, 5], [1, 3]])
    #expect(split([-1, -5, -3, -5, -5, -2]) == [[2, 3, 4, 5], [0, 1]])
    #expect(OutControl(share: 0).count(of: 100) == 0 && OutControl(share: 1).count(of: 7) == 7)
  }

  @Test("all channels may be of one kind", arguments: [0, 1])
  func extremes(share: Double) throws {
    let sample = Sample()
    var recipe = LinearRecipe.tetrajet
    recipe.outControl = OutControl(share: share, format: .mxe4m3)
    let marks = [Float](repeating: share == 1 ? 1 : 0, count: Self.d)
    let result = try sample.result(recipe, channels: marks)
    if share == 0 {
      let plain = try sample.result(.tetrajet)
      #expect(result.y == plain.y && result.dw == plain.dw)
    } else {
      let exact = try sample.result(LinearRecipe())
      #expect(relativeError(result.y, exact.y) < 0.05)
    }
  }

  @Test(
    "rounds as the definition does, step by step", arguments: [LinearRecipe.tetrajet, .tetrajetV2])
  func reference(base: LinearRecipe) throws {
    let sample = Sample()
    let recipe = Self.recipe(base, .mxe4m3)
    let found = try sample.result(recipe, channels: Self.marks)
    let expected = try sample.result(
      recipe, channels: Self.marks, .packed, StepContext(Reference()))
    for ((name, values), (_, other)) in zip(found.all, expected.all) {
      #expect(values == other, "\(name)")
    }
  }
}
