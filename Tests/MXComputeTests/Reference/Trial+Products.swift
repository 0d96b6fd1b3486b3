import MXCompute
import MXFormats
import MXRuntime
import TestSupport

extension Trial {
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
            x, map: map, weight: weight, bias: bias, epsilon: 1e-6, mean: mean,
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
        ("numbers minus a row", { .matrix(x).minus(bias) }),
        ("layer norm in order, minus a row", { norm(map).minus(weight) }),
        ("GELU of a product, minus a row", { .gelu(hidden).minus(bias) }),
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
      // Numbers by codes, whose values need never lie in memory.
      for format in [BlockFormat.mxfp4, .mxe3m0] {
        let weights = compute.encode(
          normals(n, k, seed: 95), averages: nil, axis: .rows,
          .codes(QuantizerRecipe(format: format)),
          random: RandomStream(seed: 0, purpose: .q2), arena: arena
        ).operand
        let c = normals(m, n, seed: 92)
        compute.product(
          Encoded(exact: normals(m, k, seed: 90), axis: .rows), weights,
          bias: normals(1, n, seed: 94), into: c, accumulates: false, arena: arena)
        note("floats by codes \(m)×\(n)×\(k) \(format.rawValue)", c)
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
    let int4 = compute.encode(
      normals(codes.shape.rows, codes.shape.columns, seed: 30), averages: nil, axis: .rows,
      .codes(QuantizerRecipe(format: .int4)), random: RandomStream(seed: 8, purpose: .q1),
      arena: arena
    ).operand
    for (name, other) in [("floats", exact), ("codes of groups", codes), ("their like", int4)] {
      for accumulates in [false, true] {
        let shapes = [(int4, other, "left"), (other, int4, "right")]
        for (a, b, side) in shapes where a.shape.columns == b.shape.columns {
          let c = normals(a.shape.rows, b.shape.rows, seed: 31)
          compute.product(
            a, b, bias: accumulates ? nil : normals(1, c.columns, seed: 32), into: c,
            accumulates: accumulates, arena: arena)
          note("integers, \(side), with \(name), \(accumulates)", c)
        }
      }
    }
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
}
