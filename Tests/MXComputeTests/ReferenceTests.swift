import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

/// Runs operations on the same numbers by any implementation, and notes the bits that come out.
private struct Trial {
  let compute: any TrainingCompute
  let arena = Arena(chunkCount: 1 << 16)
  private(set) var results: [(name: String, bits: [UInt32])] = []

  init(_ compute: any TrainingCompute) { self.compute = compute }

  func normals(_ rows: Int, _ columns: Int, seed: UInt64) -> FloatMatrix {
    var random = TestRandom(seed: seed)
    return arena.matrix(rows: rows, columns: columns) { _ in random.normal() }
  }

  func buffer(_ count: Int, seed: UInt64) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count: count)
    _ = buffer.elements.update(from: normals(1, count, seed: seed).elements)
    return buffer
  }

  mutating func note(_ name: String, _ matrices: FloatMatrix...) {
    results.append((name, matrices.flatMap { $0.elements.map(\.bitPattern) }))
  }

  mutating func note(_ name: String, _ buffers: AlignedBuffer<Float>...) {
    results.append((name, buffers.flatMap { $0.elements.map(\.bitPattern) }))
  }

  mutating func note(_ name: String, _ numbers: [Double]) {
    results.append(
      (
        name,
        numbers.flatMap {
          [UInt32(truncatingIfNeeded: $0.bitPattern), UInt32($0.bitPattern >> 32)]
        }
      ))
  }

  // MARK: - Operations

  /// Shapes of fewer rows, and of more, than a slice of sums has.
  static let shapes = [(33, 50), (600, 47)]

  mutating func operands() {
    for (rows, columns) in Self.shapes {
      let x = normals(rows, columns, seed: 1)
      x.elements[5] = 0
      let averages = normals(rows, columns, seed: 2)
      let random = RandomStream(seed: 7, purpose: .q3, step: 2, layer: 5)
      for format in BlockFormat.allCases {
        for rule in [ScaleRule.truncationFree, .floor] {
          for rounding in Rounding.allCases {
            let recipe = QuantizerRecipe(format: format, scaleRule: rule, rounding: rounding)
            for axis in GroupAxis.allCases {
              let name = "\(rows)×\(columns) \(format) \(rule) \(rounding) \(axis)"
              let values = arena.matrix(rows: rows, columns: columns)
              let rounded = compute.encode(
                x, averages: averages, axis: axis, .rounded(recipe), random: random, arena: arena)
              compute.decode(rounded.operand, into: values)
              note("rounded \(name)", values)
              let codes = compute.encode(
                x, averages: averages, axis: axis, .codes(recipe), random: random, arena: arena)
              note("product of codes \(name)", product(codes.operand, rows, columns, axis))
              let lost = compute.losses(
                x, averages: averages, axis: axis, recipe, random: random)
              note(
                "losses \(name)",
                [Double(lost.elements), Double(lost.saturated), Double(lost.underflowed)])
              guard axis == .rows, rounding != .ema else { continue }
              compute.decode(codes.operand, into: values)
              note("decoded \(name)", values)
              let again = compute.recode(
                codes.operand, axis: .columns, .codes(recipe), random: random, arena: arena)
              note("recoded \(name)", product(again.operand, rows, columns, .columns))
            }
          }
        }
      }
      let stochastic = QuantizerRecipe(rounding: .stochastic)
      encode(.matrix(x), "numbers", stochastic, random)
      let once = compute.encode(
        .matrix(x), rows: OperandRequest(.rounded(stochastic), random: random, arena: arena),
        columns: OperandRequest(.codes(stochastic), random: random, arena: arena),
        addingColumnSumsTo: nil, arena: arena, profile: nil)
      note(
        "rounded once \(rows)×\(columns)",
        decoded(once.rows!.operand, rows, columns),
        product(once.columns!.operand, rows, columns, .columns))
    }
  }

  /// Codes of x along rows and columns, and the sums of its columns.
  private mutating func encode(
    _ x: LazyMatrix, _ name: String, _ recipe: QuantizerRecipe, _ random: RandomStream
  ) {
    let (rows, columns) = x.shape
    let sums = normals(1, columns, seed: 3)
    let request = OperandRequest(.codes(recipe), random: random, arena: arena)
    let both = compute.encode(
      x, rows: request, columns: request, addingColumnSumsTo: sums, arena: arena, profile: nil)
    note("column sums of \(name) \(rows)×\(columns)", sums)
    note(
      "codes of \(name) \(rows)×\(columns)",
      product(both.rows!.operand, rows, columns, .rows),
      product(both.columns!.operand, rows, columns, .columns))
    let alone = compute.encode(
      x, rows: request, columns: nil, addingColumnSumsTo: nil, arena: arena, profile: nil)
    note(
      "codes of \(name) along rows alone \(rows)×\(columns)",
      product(alone.rows!.operand, rows, columns, .rows))
  }

  private func decoded(_ operand: Encoded, _ rows: Int, _ columns: Int) -> FloatMatrix {
    let values = arena.matrix(rows: rows, columns: columns)
    compute.decode(operand, into: values)
    return values
  }

  /// Of more rows, and of more columns, than a tile has.
  mutating func lazyMatrices() {
    let random = RandomStream(seed: 8, purpose: .q5, step: 1, layer: 2)
    for (rows, columns) in [(304, 40), (40, 416)] {
      let x = normals(rows, columns, seed: 60)
      func product(_ seed: UInt64, bias: Bool) -> LazyMatrix.Numbers {
        func codes(_ lanes: Int, _ seed: UInt64) -> Encoded {
          compute.encode(
            normals(lanes, 40, seed: seed), averages: nil, axis: .rows,
            .codes(QuantizerRecipe()), random: random, arena: arena
          ).operand
        }
        return .product(
          ProductTerms(
            codes(rows, seed), codes(columns, seed + 1),
            bias: bias ? normals(1, columns, seed: seed + 2) : nil))
      }
      // Images of eight rows; some come twice, some are zeros.
      let map = RowMap([3, -1, 0, 7, 7, 2, 5, 1, -1, 4], of: 8)
      let factors = arena.array(of: Float.self, count: rows / 8)
      for image in factors.indices { factors[image] = Float(image % 3) / 2 }
      let (weight, bias) = (normals(1, columns, seed: 63), normals(1, columns, seed: 64))
      let mean = arena.matrix(rows: 1, columns: rows) { _ in 0 }
      let rstd = arena.matrix(rows: 1, columns: rows) { _ in 0 }
      func norm(_ map: RowMap?) -> LazyMatrix {
        .layerNorm(
          NormTerms(
            RowTerms(x, map: map), weight: weight, bias: bias, epsilon: 1e-6, mean: mean,
            rstd: rstd))
      }
      let hidden = product(70, bias: true)
      let slopes = product(80, bias: false)
      let all: [(String, () -> LazyMatrix)] = [
        ("a product", { .numbers(hidden) }),
        ("rows", { .rows(RowTerms(x, map: map)) }),
        ("rows times factors", { .rows(RowTerms(x, factors: factors)) }),
        ("rows in order, times factors", { .rows(RowTerms(x, map: map, factors: factors)) }),
        ("layer norm", { norm(nil) }), ("layer norm in order", { norm(map) }),
        ("GELU", { .gelu(.matrix(x)) }), ("GELU of a product", { .gelu(hidden) }),
        ("GELU's slope", { .geluGradient(x: .matrix(x), dy: slopes) }),
        ("GELU's slope of products", { .geluGradient(x: hidden, dy: slopes) }),
      ]
      for (name, lazy) in all {
        let made = arena.matrix(rows: lazy().shape.rows, columns: columns)
        compute.make(lazy(), into: made, arena: arena, profile: nil)
        note("\(name) \(rows)×\(columns)", made, mean, rstd)
        encode(lazy(), name, QuantizerRecipe(rounding: .stochastic), random)
      }
      // In place.
      let dy = normals(rows, columns, seed: 65)
      compute.make(
        .geluGradient(x: hidden, dy: .matrix(dy)), into: dy, arena: arena, profile: nil)
      note("GELU's slope in place \(rows)×\(columns)", dy)
    }
  }

  /// The product of an operand with another, with a bias, and added to what is there.
  private func product(
    _ a: Encoded, _ rows: Int, _ columns: Int, _ axis: GroupAxis
  ) -> FloatMatrix {
    let (lanes, length) = axis == .rows ? (rows, columns) : (columns, rows)
    let b = compute.encode(
      normals(19, length, seed: 4), averages: nil, axis: .rows, .codes(QuantizerRecipe()),
      random: RandomStream(seed: 0, purpose: .q2), arena: arena
    ).operand
    let c = normals(lanes, 19, seed: 5)
    let own = arena.matrix(rows: lanes, columns: 19)
    compute.product(
      a, b, bias: normals(1, 19, seed: 6), into: own, accumulates: false, arena: arena)
    compute.product(a, b, bias: nil, into: c, accumulates: true, arena: arena)
    compute.add(own, to: c)
    return c
  }

  mutating func layers() {
    for (rows, columns) in Self.shapes {
      let (x, y) = (normals(rows, columns, seed: 10), arena.matrix(rows: rows, columns: columns))
      let (weight, bias) = (normals(1, columns, seed: 11), normals(1, columns, seed: 12))
      let (mean, rstd) = (
        arena.matrix(rows: 1, columns: rows), arena.matrix(rows: 1, columns: rows)
      )
      let norm = NormTerms(
        RowTerms(x), weight: weight, bias: bias, epsilon: 1e-6, mean: mean, rstd: rstd)
      compute.make(.layerNorm(norm), into: y, arena: arena, profile: nil)
      note("layer norm \(rows)×\(columns)", y, mean, rstd)
      let reversed = RowMap((0..<rows).reversed(), of: rows)
      for map in [nil, reversed] {
        let (dx, gradients) = (normals(rows, columns, seed: 13), normals(2, columns, seed: 14))
        compute.layerNormBackward(
          x, weight: weight, mean: mean, rstd: rstd, dy: normals(rows, columns, seed: 15),
          map: map, addingTo: dx, gradients: gradients, arena: arena)
        note("layer norm backward \(rows)×\(columns)", dx, gradients)
      }
    }
    let x = arena.matrix(rows: 1, columns: 4001) { Float($0 - 2000) / 100 }
    let (y, dx) = (arena.matrix(rows: 1, columns: 4001), normals(1, 4001, seed: 16))
    compute.make(.gelu(.matrix(x)), into: y, arena: arena, profile: nil)
    compute.make(
      .geluGradient(x: .matrix(x), dy: .matrix(dx)), into: dx, arena: arena, profile: nil)
    note("GELU", y, dx)
    let logits = normals(9, 7, seed: 17)
    let gradient = arena.matrix(rows: 9, columns: 7)
    let targets = Targets(labels: (0..<9).map { $0 % 7 }, mixedShare: 0.6, smoothing: 0.1)
    let score = compute.crossEntropy(logits, targets, gradient: gradient)
    note("cross entropy", gradient)
    note("its score", [score.loss, Double(score.top1), Double(score.top5)])
  }

  /// Of fewer terms and columns, and of more, than are in work at once; and what is made of them.
  mutating func floatProducts() {
    for (m, n, k) in [(5, 7, 3), (37, 50, 300), (230, 200, 40), (1, 1, 1), (3, 65, 1)] {
      for (leftAxis, rightAxis) in [
        (GroupAxis.rows, GroupAxis.rows), (.rows, .columns), (.columns, .columns),
      ] {
        func operand(_ lanes: Int, _ axis: GroupAxis, _ seed: UInt64) -> Encoded {
          let (rows, columns) = axis == .rows ? (lanes, k) : (k, lanes)
          return Encoded(exact: normals(rows, columns, seed: seed), axis: axis)
        }
        let (a, b) = (operand(m, leftAxis, 90), operand(n, rightAxis, 91))
        let (c, sums) = (normals(m, n, seed: 92), normals(m, n, seed: 93))
        compute.product(
          a, b, bias: normals(1, n, seed: 94), into: c, accumulates: false, arena: arena)
        compute.product(a, b, bias: nil, into: sums, accumulates: true, arena: arena)
        note("floats \(m)×\(n)×\(k) \(leftAxis) \(rightAxis)", c, sums)
      }
    }
    let codes = compute.encode(
      normals(40, 64, seed: 95), averages: nil, axis: .rows, .codes(QuantizerRecipe()),
      random: RandomStream(seed: 0, purpose: .q2), arena: arena
    ).operand
    let mixed = normals(40, 70, seed: 96)
    let exact = Encoded(exact: normals(70, 64, seed: 97), axis: .rows)
    compute.product(codes, exact, bias: nil, into: mixed, accumulates: false, arena: arena)
    note("codes with floats", mixed)
    let random = RandomStream(seed: 8, purpose: .q5)
    let floats = LazyMatrix.Numbers.product(ProductTerms(exact, exact))
    encode(.gelu(floats), "GELU of floats", QuantizerRecipe(rounding: .stochastic), random)
    encode(
      .gelu(.product(ProductTerms(codes, exact))), "GELU of codes with floats",
      QuantizerRecipe(), random)
    let grid = PatchGrid(channels: 3, imageSize: 8, patch: 4)
    let images = normals(90, 3 * 64, seed: 18)
    let patches = arena.matrix(rows: 90 * grid.count, columns: 20)
    let weight = normals(20, grid.length, seed: 19)
    compute.projectPatches(
      images, grid, weight: weight, bias: normals(1, 20, seed: 20), into: patches, arena: arena)
    note("patches", patches)
    let (dWeight, dBias) = (normals(20, grid.length, seed: 21), normals(1, 20, seed: 22))
    compute.projectPatchesBackward(
      images, grid, dy: normals(90 * grid.count, 20, seed: 23), dWeight: dWeight, dBias: dBias,
      arena: arena)
    note("patches backward", dWeight, dBias)
  }

  /// Of tokens beside whole vectors and beside a block of rows, plain and with bias and masks.
  mutating func attention() {
    for (tokens, width, heads) in [(5, 12, 2), (49, 64, 2), (65, 40, 1)] {
      let shape = AttentionShape(tokens: tokens, width: width, heads: heads)
      let sequences = 11
      let qkv = normals(sequences * tokens, 3 * width, seed: 30)
      let bias = normals(heads, tokens * tokens, seed: 31)
      let masks = arena.matrix(rows: 3, columns: tokens * tokens) { $0 % 5 == 0 ? -100 : 0 }
      for terms in [ScoreTerms(), ScoreTerms(bias: bias), ScoreTerms(bias: bias, masks: masks)] {
        let o = arena.matrix(rows: sequences * tokens, columns: width)
        let dqkv = arena.matrix(rows: sequences * tokens, columns: 3 * width)
        compute.attention(qkv, shape, terms, into: o, arena: arena)
        let dBias = terms.bias.map { arena.matrix(rows: $0.rows, columns: $0.columns) }
        compute.attentionBackward(
          qkv, shape, terms, dO: normals(sequences * tokens, width, seed: 32), into: dqkv,
          dBias: dBias, arena: arena)
        let name = "\(tokens) tokens of \(width), \(terms.bias == nil ? "plain" : "with terms")"
        note("attention of \(name)", o)
        note("its gradients, \(name)", dqkv, dBias ?? o)
      }
    }
  }

  mutating func rows() {
    let (x, table) = (normals(40, 6, seed: 40), normals(5, 6, seed: 41))
    let map = RowMap([3, -1, 0, 7, 7], of: 8)
    let gathered = arena.matrix(rows: map.rows(40), columns: 6)
    compute.gather(x, map, into: gathered)
    let places = [0, 4, 4, 2, 1, 0, 3]
    let found = arena.matrix(rows: 6, columns: places.count)
    compute.lookUp(places, in: table, into: found)
    compute.add(found, at: places, to: table)
    note("rows that move", gathered, found, table)
    let (means, spread) = (arena.matrix(rows: 5, columns: 6), arena.matrix(rows: 40, columns: 6))
    compute.means(of: x, length: 8, into: means)
    compute.spreadMeans(means, length: 8, into: spread)
    note("means", means, spread)
    let (y, images) = (normals(40, 6, seed: 42), normals(8, 6, seed: 43))
    compute.add(x, map: nil, scaledBy: { Float($0) / 3 }, length: 8, to: y, into: y)
    compute.add(
      gathered, map: RowMap([2, 0, -1, 4, 1, 1, 3, 0], of: 5), scaledBy: { Float($0) - 2 },
      length: 8, to: y, into: y)
    compute.addToEachImage(images, to: y)
    compute.multiply(y, byEachImage: images, into: y)
    note("products of rows", y)
    compute.addImages(of: y, to: images)
    compute.scale(y, by: 0.3)
    compute.addDifference(x, spread, scale: -0.7, to: y)
    compute.add(x, to: y)
    note("sums of rows", y, images)
    compute.copy(y, into: spread)
    compute.fill(y, with: 2)
    note("copies", spread, y)
    note(
      "squares", [compute.sumOfSquares(spread), compute.sumOfSquares(normals(1, 1001, seed: 44))])
  }

  mutating func optimizer() {
    let count = 1100
    let ranges = [0..<500, 500..<517, 517..<count]
    let (weights, m) = (buffer(count, seed: 50), buffer(count, seed: 51))
    let (v, average) = (buffer(count, seed: 52), buffer(count, seed: 53))
    for place in 0..<count { v[place] = v[place].magnitude }
    let (sum, waited, periods) = (
      buffer(count, seed: 54), buffer(count, seed: 55), buffer(count, seed: 56)
    )
    for place in 0..<count {
      (waited[place], periods[place]) = (Float(place % 3), Float(1 + place % 4))
    }
    var state = AdamWState(weights: weights, gradients: buffer(count, seed: 57), m: m, v: v)
    let slices = [
      AdamWSlice(ranges[0], decays: true, ramps: true, rate: 1),
      AdamWSlice(ranges[1], decays: false, ramps: false, rate: 0),
      AdamWSlice(ranges[2], decays: true, ramps: false, rate: 0.7),
    ]
    for step in 1...3 {
      if step > 1 { state.ramping = (periods, sum, waited) }
      compute.adamW(
        state, slices,
        AdamWCoefficients(
          learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05,
          step: step,
          gradientScale: 0.8))
    }
    note("AdamW", weights, m, v, sum, waited)
    let sums = AlignedBuffer<Double>(count: 3)
    let total = compute.sumOfSquares(weights, slices, sums: sums)
    note("sums of squares", Array(sums.elements) + [total])
    compute.movingAverage(beta: 0.998, of: weights, into: average, ranges)
    note("moving average", average)
    let track = MovementTrack(count: count)
    let movements = AlignedBuffer<WeightMovement>(count: 3)
    for _ in 0..<2 {
      compute.trackMovement(
        weights: weights, quantized: average, track, ranges, into: movements)
      for place in 0..<count where place % 3 == 0 { weights[place] += 0.125 }
    }
    let places = [0, 1, 17, ranges.joined().count - 1]
    note("ratios", compute.ratios(track, ranges, sortedPlaces: places).map(Double.init))
    note("large ratios", [Double(compute.countRatios(track, ranges[0], above: 1))])
    note("paths", track.weightPath, track.quantizedPath, track.weightBefore, track.quantizedBefore)
    note(
      "movements",
      movements.elements.flatMap {
        [$0.change, $0.magnitude, $0.quantizedChange, $0.quantizedMagnitude, Double($0.flips)]
      })
  }
}

@Suite("Every operation gives the bits of its definition")
struct ReferenceTests {
  private static func compare(_ name: String, _ body: (inout Trial) -> Void) throws {
    var (definition, tried) = (
      Trial(Reference()), Trial(try #require(CPU.named(name)).on(threads: 3))
    )
    body(&definition)
    body(&tried)
    #expect(!definition.results.isEmpty && definition.results.count == tried.results.count)
    for (expected, found) in zip(definition.results, tried.results) {
      let isSame = expected.bits == found.bits
      #expect(isSame, "\(expected.name)")
    }
  }

  @Test("operands and products of codes", arguments: CPU.names)
  func operands(name: String) throws { try Self.compare(name) { $0.operands() } }

  @Test("layers", arguments: CPU.names)
  func layers(name: String) throws { try Self.compare(name) { $0.layers() } }

  @Test(
    "attention, where the hardware multiplies and adds at once",
    arguments: CPU.names.filter { $0 != "portable" })
  func attention(name: String) throws { try Self.compare(name) { $0.attention() } }

  @Test("numbers that are made while they are read", arguments: CPU.names)
  func lazyMatrices(name: String) throws { try Self.compare(name) { $0.lazyMatrices() } }

  @Test(
    "products in single precision, where the hardware multiplies and adds at once",
    arguments: CPU.names.filter { $0 != "portable" })
  func floatProducts(name: String) throws { try Self.compare(name) { $0.floatProducts() } }

  @Test("rows", arguments: CPU.names)
  func rows(name: String) throws { try Self.compare(name) { $0.rows() } }

  @Test("the optimizer and the movement of weights", arguments: CPU.names)
  func optimizer(name: String) throws { try Self.compare(name) { $0.optimizer() } }
}
