import Files
import Foundation
import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

@Suite("The SIMD quantizers equal the oracle on every instruction set")
struct KernelTests {
  static let shapes = [(1, 1), (1, 31), (3, 33), (8, 32), (32, 16), (33, 50), (50, 80), (197, 64)]

  @Test(
    "for every format, scale rule, rounding and axis, on ragged shapes and extreme values",
    arguments: Kernels.available.map(\.name))
  func matchesOracle(name: String) throws {
    let kernels = try #require(Kernels.available.first { $0.name == name })
    var random = TestRandom(seed: 7)
    let stream = RandomStream(seed: 0x1234_5678_9ABC, purpose: .q3, step: 5, layer: 9)
    for (rows, columns) in Self.shapes {
      for values in [random.normals(rows * columns), random.extremes(rows * columns)] {
        let ema = zip(values, random.normals(rows * columns)).map { $0 + 0.05 * $1 * $0 }
        let x = Owned(values, rows: rows, columns: columns)
        let averages = Owned(ema, rows: rows, columns: columns)
        for format in BlockFormat.withScales {
          for rule in ScaleRule.allCases {
            for rounding in Rounding.allCases {
              for axis in GroupAxis.allCases {
                let expected = Quantizer(
                  format: format, scaleRule: rule, rounding: rounding, axis: axis
                ).quantize(
                  values, rows: rows, columns: columns, ema: ema,
                  randomBits: { stream.roundingBits(row: $0, column: $1) }
                ).values
                let out = Owned(rows: rows, columns: columns)
                let broken = kernels.round(
                  QuantizerSlice(
                    x.matrix, averages: averages.matrix, firstRow: 0, axis: axis,
                    QuantizerRecipe(format: format, scaleRule: rule, rounding: rounding),
                    random: stream), into: out.matrix)
                #expect(broken == 0)
                #expect(
                  out.values.map(\.bitPattern) == expected.map(\.bitPattern),
                  "\(rows)×\(columns) \(format) \(rule) \(rounding) \(axis)")
              }
            }
          }
        }
      }
    }
  }

  @Test(
    "a group with a NaN or an infinity becomes NaN and is counted",
    arguments: Kernels.available.map(\.name))
  func broken(name: String) throws {
    let kernels = try #require(Kernels.available.first { $0.name == name })
    var values = [Float](repeating: 1, count: 64 * 50)
    values[33] = .nan
    values[40 * 50 + 7] = -.infinity
    let x = Owned(values, rows: 64, columns: 50)
    for axis in GroupAxis.allCases {
      let out = Owned(rows: 64, columns: 50)
      let count = kernels.round(
        QuantizerSlice(
          x.matrix, firstRow: 0, axis: axis, QuantizerRecipe(),
          random: RandomStream(seed: 0, purpose: .q1)), into: out.matrix)
      #expect(count == 2)
      let expected = Quantizer(axis: axis).quantize(values, rows: 64, columns: 50).values
      #expect(zip(out.values, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
    }
  }

  @Test(
    "what is lost: a number above the largest magnitude, not one at it, and nothing of a broken group",
    arguments: GroupAxis.allCases)
  func losses(axis: GroupAxis) {
    // Under the floor rule 6.5 has scale 1: it is clipped to 6, which 6 itself is not, and .1 becomes 0.
    var values: [Float] = [6.5, 6, -6, 0.1, 0] + [Float](repeating: 1, count: 27)
    values += [.infinity, 1e30, 1e-30, .nan] + [Float](repeating: 1, count: 28)
    let x =
      axis == .rows ? Owned(values, rows: 1, columns: 64) : Owned(values, rows: 64, columns: 1)
    var expected = QuantizerLosses()
    (expected.elements, expected.saturated, expected.underflowed) = (64, 1, 1)
    let all: [any Compute] =
      [Reference()] + Kernels.available.map { CPU(threads: 1, kernels: $0) }
    for compute in all {
      let found = compute.losses(
        x.matrix, averages: nil, axis: axis, QuantizerRecipe(scaleRule: .floor),
        random: RandomStream(seed: 0, purpose: .q1), arena: Arena(chunkCount: 1 << 12))
      #expect(found == expected, "\(compute)")
    }
  }

  @Test("slices of rows draw the same random bits as the whole", arguments: GroupAxis.allCases)
  func slices(axis: GroupAxis) throws {
    var random = TestRandom(seed: 8)
    let x = Owned(random.normals(1000 * 48), rows: 1000, columns: 48)
    let quantizer = QuantizerRecipe(rounding: .stochastic)
    let stream = RandomStream(seed: 3, purpose: .q5)
    let whole = Owned(rows: 1000, columns: 48)
    _ = cpu.kernels.round(
      QuantizerSlice(x.matrix, firstRow: 0, axis: axis, quantizer, random: stream),
      into: whole.matrix)
    let sliced = Owned(rows: 1000, columns: 48)
    let broken = cpu.round(
      QuantizerSlice(x.matrix, firstRow: 0, axis: axis, quantizer, random: stream),
      into: sliced.matrix)
    #expect(broken == 0)
    #expect(whole.values == sliced.values)
  }
}

@Suite("The other kernels")
struct LayerKernelTests {
  /// What each kernel makes of the same numbers, as bits.
  static func outputs(_ kernels: Kernels) -> [[UInt32]] {
    var random = TestRandom(seed: 9)
    let (rows, columns) = (13, 197)
    let x = random.normals(rows * columns)
    let dy = random.normals(rows * columns)
    let weight = random.normals(columns)
    func run(_ body: (FloatMatrix, FloatMatrix, Owned) -> Void) -> [UInt32] {
      let (a, b) = (
        Owned(x, rows: rows, columns: columns), Owned(dy, rows: rows, columns: columns)
      )
      let extra = Owned(weight, rows: 4, columns: columns)
      body(a.matrix, b.matrix, extra)
      return (a.values + b.values + extra.values).map(\.bitPattern)
    }
    let n = rows * columns
    return [
      run { a, b, _ in kernels.gelu(a.base, b.base, n) },
      run { a, b, _ in kernels.geluBackward(a.base, dy: b.base, dx: b.base, n) },
      run { a, b, e in
        let terms = NormTerms(
          a, weight: e.matrix.rows(0..<1), bias: e.matrix.rows(1..<2), epsilon: 1e-6,
          mean: e.matrix.rows(2..<3), rstd: e.matrix.rows(3..<4))
        kernels.layerNorm(terms, 0..<rows, into: b)
      },
      run { a, b, e in
        let dx = Owned(rows: rows, columns: columns)
        kernels.layerNormBackward(
          a, weight: e.matrix.row(0), mean: e.matrix.row(0), rstd: e.matrix.row(0), dy: b,
          dx: dx.matrix, dweight: e.matrix.row(1), dbias: e.matrix.row(2))
        _ = a.elements.update(from: dx.values)
      },
      run { a, _, e in kernels.addColumnSums(of: a, to: e.matrix.row(0)) },
      run { a, b, _ in kernels.addScaled(a.base, scale: 0.7, branch: b.base, into: a.base, n) },
      run { a, b, e in
        let step = AdamWCoefficients(
          learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05, step: 3,
          gradientScale: 0.5)
        for i in 0..<columns { e.matrix.row(1)[i] = e.matrix.row(1)[i].magnitude }
        kernels.adamW(
          step, gradient: b.base, weight: a.base, m: e.matrix.row(0), v: e.matrix.row(1), columns)
      },
    ]
  }

  @Test("round stochastically without a bias, which would be seen", arguments: CPU.names)
  func roundingCheck(name: String) throws {
    let cpu = try #require(CPU.named(name))
    for format in BlockFormat.withScales {
      let check = cpu.checkStochasticRounding(format)
      #expect(check.isPassed && check.deviations > 0, "\(format): \(check)")
      #expect(check.means == 2 * Int(format.elements.largestCode))
      #expect(check.numbers > 30_000)
      for rounding in [Rounding.nearestEven, .nearestAway] {
        #expect(!cpu.checkStochasticRounding(format, rounding: rounding).isPassed)
      }
    }
  }

  @Test("give the same bits on every instruction set")
  func sameBits() {
    let reference = Self.outputs(Kernels.available[0])
    for kernels in Kernels.available.dropFirst() {
      #expect(Self.outputs(kernels) == reference, "\(kernels.name)")
    }
  }

  @Test("GELU follows x·Φ(x) within 8 + x²/2 units in the last place, far into both tails")
  func gelu() {
    let x = (-1200...1200).map { Float($0) / 100 }
    let y = Owned(rows: 1, columns: x.count)
    cpu.kernels.gelu(x, y.buffer.base, x.count)
    for (x, y) in zip(x, y.values) {
      let exact = Double(x) * 0.5 * erfc(-Double(x) / 2.0.squareRoot())
      // e^(−x²/2) carries the relative error of x²/2, half an ulp of it absolute: (1 + x²/2)·2⁻²⁴.
      let bound = abs(exact) * (8 + Double(x * x) / 2) * 0x1p-23
      #expect(abs(Double(y) - exact) <= bound + 1e-37, "x = \(x): \(y) for \(exact)")
    }
  }
}
