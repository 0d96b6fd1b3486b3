import Files
import Foundation
import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import TestSupport
import Testing

@Suite("The linear layer")
struct LinearTests {
  @Test(
    "agrees with the golden vectors, each quantizer alone and all together, by either engine",
    arguments: Engine.allCases)
  func golden(engine: Engine) throws {
    let file = try Golden.open("linear")
    var ema = LinearRecipe.tetrajet
    ema[.q2]?.rounding = .ema
    let methods = [
      ("tetrajet", LinearRecipe.tetrajet), ("microscaling", .microscaling), ("tetrajet_ema", ema),
    ]
    let cases = file.entries.map(\.name).filter { $0.hasSuffix(".y") }
    #expect(cases.count == (Golden.isWhole ? 30 : 3))
    for name in cases {
      let parts = name.split(separator: ".").map(String.init)
      let (shape, method, which) = (parts[0], parts[1], parts[2])
      let sizes = shape.split(separator: "x").compactMap { Int($0) }
      var recipe = try #require(methods.first { $0.0 == method }).1
        .withBackwardRounding(.nearestEven)
      if which != "all" {
        let operand = try #require(Operand(rawValue: which))
        recipe.quantizers = recipe.quantizers.filter { $0.key == operand }
        // Alone, Q4 and Q6 read W and X: what they would read is not quantized.
      }
      let result = try LinearResult(
        x: file.floats("\(shape).x"), w: file.floats("\(shape).w"), b: file.floats("\(shape).b"),
        dy: file.floats("\(shape).dy"), ema: try? file.floats("\(shape).w_ema"), n: sizes[0],
        d: sizes[1], c: sizes[2], recipe: recipe, engine: engine)
      let stem = parts.dropLast().joined(separator: ".")
      for (key, values) in result.all {
        // Of the cut, the first rows.
        let expected = try file.floats("\(stem).\(key)")
        let error = relativeError(Array(values.prefix(expected.count)), expected)
        #expect(error <= 1e-6, "\(engine) \(stem).\(key): \(error)")
      }
    }
  }

  @Test(
    "equals products of the oracle's operands, on ragged shapes, by either engine",
    arguments: [LinearRecipe.microscaling, .tetrajet, .int4], Engine.allCases)
  func oracle(recipe: LinearRecipe, engine: Engine) throws {
    var random = TestRandom(seed: 20)
    for (n, d, c) in [(1, 1, 1), (7, 33, 31), (197, 96, 40), (600, 50, 130)] {
      let (x, w) = (random.normals(n * d), random.normals(c * d))
      let (b, dy) = (random.normals(c), random.normals(n * c))
      let context = StepContext(cpu, seed: 5, step: 2)
      let result = try LinearResult(
        x: x, w: w, b: b, dy: dy, n: n, d: d, c: c, recipe: recipe, engine: engine,
        context: context)
      func q(_ operand: Operand, _ values: [Float], _ rows: Int, _ columns: Int) -> [Float] {
        let quantizer = recipe[operand]!
        let purpose: [Operand: RandomPurpose] = [
          .q1: .q1, .q2: .q2, .q3: .q3, .q4: .q4, .q5: recipe == .int4 ? .q3 : .q5, .q6: .q6,
        ]
        let stream = RandomStream(seed: 5, purpose: purpose[operand]!, step: 2, layer: 3)
        return Quantizer(
          format: quantizer.format, scaleRule: quantizer.scaleRule, rounding: quantizer.rounding,
          axis: operand.axis
        ).quantize(
          values, rows: rows, columns: columns,
          randomBits: { stream.roundingBits(row: $0, column: $1) }
        ).values
      }
      let (q1, q2) = (q(.q1, x, n, d), q(.q2, w, c, d))
      let (q3, q5) = (q(.q3, dy, n, c), q(.q5, dy, n, c))
      let q4 = q(.q4, recipe.q4ReadsQuantized ? q2 : w, c, d)
      let q6 = q(.q6, recipe.q6ReadsQuantized ? q1 : x, n, d)
      func sum(_ count: Int, _ term: (Int) -> Double) -> Float {
        Float((0..<count).reduce(0.0) { $0 + term($1) })
      }
      var (y, dx, dw) = ([Float](), [Float](), [Float]())
      for i in 0..<n {
        for j in 0..<c {
          y.append(sum(d) { Double(q1[i * d + $0]) * Double(q2[j * d + $0]) } + b[j])
        }
        for j in 0..<d { dx.append(sum(c) { Double(q3[i * c + $0]) * Double(q4[$0 * d + j]) }) }
      }
      for i in 0..<c {
        for j in 0..<d { dw.append(sum(n) { Double(q5[$0 * c + i]) * Double(q6[$0 * d + j]) }) }
      }
      #expect(relativeError(result.y, y) < 1e-6)
      #expect(relativeError(result.dx, dx) < 1e-6)
      #expect(relativeError(result.dw, dw) < 1e-6)
    }
  }

  @Test(
    "in INT4 agrees with NumPy's vectors to the bit, by either engine", arguments: Engine.allCases)
  func int4(engine: Engine) throws {
    struct Vectors: Decodable { let n, d, c: Int, x, w, b, dy, y, dx, dw: [Float] }
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Golden/int4.json").standardized.path
    let cases = try parseJSON(try readFile(path), as: [Vectors].self)
    #expect(cases.count == 3)
    for expected in cases {
      let found = try LinearResult(
        x: expected.x, w: expected.w, b: expected.b, dy: expected.dy, n: expected.n,
        d: expected.d, c: expected.c, recipe: .int4.withBackwardRounding(.nearestEven),
        engine: engine)
      #expect(found.y == expected.y && found.dx == expected.dx && found.dw == expected.dw)
    }
  }

  @Test("in INT4 both backward products read one draw of the gradient")
  func sharedDraw() throws {
    // With unit weights and inputs the products are the rounded gradient itself.
    let (n, c) = (33, 40)
    func unit(_ size: Int) -> [Float] { (0..<size * size).map { $0 % (size + 1) == 0 ? 1 : 0 } }
    var random = TestRandom(seed: 23)
    let dy = random.normals(n * c)
    func result(_ x: [Float], _ d: Int, _ w: [Float]) throws -> LinearResult {
      try LinearResult(
        x: x, w: w, b: [Float](repeating: 0, count: c), dy: dy, n: n, d: d, c: c, recipe: .int4,
        engine: .packed)
    }
    let dx = try result(random.normals(n * c), c, unit(c)).dx
    let dw = try result(unit(n), n, random.normals(c * n)).dw
    let transposed = (0..<n * c).map { dw[$0 % c * n + $0 / c] }
    let error = relativeError(dx, transposed)
    #expect(error < 1e-6, "\(error)")
    #expect(relativeError(dx, dy) > 0.01)
  }

  @Test(
    "in bfloat16 is that of rounded operands in single precision; the bias's gradient is not rounded"
  )
  func bfloat16() throws {
    var random = TestRandom(seed: 22)
    let (n, d, c) = (37, 33, 20)
    let (x, w) = (random.normals(n * d), random.normals(c * d))
    let (b, dy) = (random.normals(c), random.normals(n * c))
    func result(
      _ x: [Float], _ w: [Float], _ dy: [Float], _ recipe: LinearRecipe
    ) throws -> LinearResult {
      try LinearResult(
        x: x, w: w, b: b, dy: dy, n: n, d: d, c: c, recipe: recipe, engine: .packed)
    }
    func rounded(_ values: [Float]) -> [Float] { values.map(\.roundedToBFloat16) }
    let found = try result(x, w, dy, .bf16)
    let expected = try result(rounded(x), rounded(w), rounded(dy), .fp32)
    #expect(found.y == expected.y && found.dx == expected.dx && found.dw == expected.dw)
    #expect(try found.db == result(x, w, dy, .fp32).db && found.db != expected.db)
    // A quantizer takes its operand instead.
    var recipe = LinearRecipe.bf16
    recipe[.q1] = QuantizerRecipe()
    let single = try result(x, w, dy, recipe)
    var exact = LinearRecipe.fp32
    exact[.q1] = QuantizerRecipe()
    #expect(try single.y == result(x, rounded(w), dy, exact).y && single.dx == found.dx)
  }

  @Test("gives the same bits on one thread and on three", arguments: Engine.allCases)
  func threads(engine: Engine) throws {
    var random = TestRandom(seed: 21)
    let (n, d, c) = (1000, 96, 200)
    let (x, w) = (random.normals(n * d), random.normals(c * d))
    let (b, dy) = (random.normals(c), random.normals(n * c))
    var results: [[Float]] = []
    for threads in [1, 3] {
      let result = try LinearResult(
        x: x, w: w, b: b, dy: dy, n: n, d: d, c: c, recipe: .tetrajet, engine: engine,
        context: StepContext(cpu.on(threads: threads)))
      results.append(result.y + result.dx + result.dw + result.db)
    }
    #expect(results[0] == results[1])
  }

  @Test(
    "an operand that is not finite is an error that names the layer and the operand",
    arguments: Engine.allCases)
  func nonFinite(engine: Engine) throws {
    let ones = [Float](repeating: 1, count: 4)
    func run(x: [Float]? = nil, w: [Float]? = nil, dy: [Float]? = nil) throws {
      _ = try LinearResult(
        x: x ?? ones, w: w ?? ones, b: [0, 0], dy: dy ?? ones, n: 2, d: 2, c: 2, recipe: .tetrajet,
        engine: engine)
    }
    #expect(throws: NonFiniteTensor(tensor: "test: the input (q1)")) {
      try run(x: [1, .nan, 1, 1])
    }
    #expect(throws: NonFiniteTensor(tensor: "test: the weight (q2)")) {
      try run(w: [1, 1, 1, -.infinity])
    }
    #expect(throws: NonFiniteTensor(tensor: "test: the output gradient (q3)")) {
      try run(dy: [1, 1, .infinity, 1])
    }
  }
}

@Suite("Stochastic gradients")
struct UnbiasednessTests {
  /// The distance of the mean of n backward passes from the straight-through gradient of the quantized
  /// forward pass, relative, for n = 16, 256, 4096.
  static func errors(_ recipe: LinearRecipe, _ engine: Engine) throws -> [Double] {
    var random = TestRandom(seed: 30)
    let (n, d, c) = (40, 33, 48)
    let (x, w) = (random.normals(n * d), random.normals(c * d))
    let (b, dy) = (random.normals(c), random.normals(n * c))
    // The gradient straight through the forward quantizers: full-precision products of dY with Q1(X)
    // and Q2(W).
    var through = recipe
    for operand in [Operand.q3, .q4, .q5, .q6] { through[operand] = nil }
    (through.q4ReadsQuantized, through.q6ReadsQuantized) = (true, true)
    let exact = try LinearResult(
      x: x, w: w, b: b, dy: dy, n: n, d: d, c: c, recipe: through, engine: engine)
    var sum = [Float](repeating: 0, count: exact.dx.count + exact.dw.count)
    var errors: [Double] = []
    for step in 0..<4096 {
      let result = try LinearResult(
        x: x, w: w, b: b, dy: dy, n: n, d: d, c: c, recipe: recipe, engine: engine,
        context: StepContext(cpu, seed: 1, step: step))
      for (index, value) in (result.dx + result.dw).enumerated() { sum[index] += value }
      if [16, 256, 4096].contains(step + 1) {
        errors.append(relativeError(sum.map { $0 / Float(step + 1) }, exact.dx + exact.dw))
      }
    }
    return errors
  }

  @Test(
    "of tetrajet approach the straight-through gradient as 1/√n", arguments: Engine.allCases)
  func tetrajet(engine: Engine) throws {
    let errors = try Self.errors(.tetrajet, engine)
    // 16 times the passes: a quarter of the error, within the scatter of thousands of elements.
    for (few, many) in zip(errors, errors.dropFirst()) {
      #expect((3.5...4.6).contains(few / many), "\(errors)")
    }
  }

  @Test("of microscaling stay away from it", arguments: Engine.allCases)
  func microscaling(engine: Engine) throws {
    let errors = try Self.errors(.microscaling, engine)
    #expect(errors[2] > 0.05 && abs(errors[2] / errors[0] - 1) < 1e-3, "\(errors)")
  }
}
