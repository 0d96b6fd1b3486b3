import Files
import Foundation
import MXCompute
import MXLinear
import MXRuntime
import TestSupport
import Testing

@Suite("INT4 behind rotations, with learned steps and sampled gradients")
struct RotatedLinearTests {
  private let arena = Arena(chunkCount: 1 << 14)

  private func matrix(_ values: [Float], rows: Int) -> FloatMatrix {
    arena.matrix(rows: rows, columns: values.count / rows) { values[$0] }
  }

  private func operand(_ x: FloatMatrix, group: Int, step: Float? = nil) -> SteppedOperand {
    SteppedOperand(x, BlockRotation(group: group), step: step, arena, threads: 1)
  }

  private func isClose(_ a: Float, _ b: Float, _ tolerance: Float = 1e-5) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(b))
  }

  @Test("rotations are their own inverses, in groups that divide the columns")
  func rotations() {
    #expect(BlockRotation.candidates(columns: 96) == [1, 2, 4, 8, 16, 32])
    #expect(BlockRotation.candidates(columns: 4096).last == 1024)
    let values: [Float] = [8, 0.2, -0.1, 0.3]
    let x = matrix(values, rows: 1)
    BlockRotation(group: 4).apply(x, threads: 2)
    for (found, expected) in zip(x.elements, [4.2, 3.7, 4, 4.1] as [Float]) {
      #expect(isClose(found, expected))
    }
    BlockRotation(group: 4).apply(x, threads: 2)
    for (found, expected) in zip(x.elements, values) { #expect(isClose(found, expected)) }
    // Of what a file may say, the nearest that can be.
    for (exponent, group) in [(2.2, 4), (.nan, 1), (-3, 1), (1e9, 8), (5, 8)] as [(Float, Int)] {
      #expect(BlockRotation(exponent: exponent, columns: 24).group == group)
    }
  }

  @Test("steps, codes and the choice of the group, worked out by hand")
  func steps() {
    let (x, w) = (
      matrix([8, 0.2, -0.1, 0.3], rows: 1), matrix([0.5, -1, 0.25, 0.75], rows: 1)
    )
    for (group, step, codes, weightCodes, y) in [
      (1, 1.62525, [5, 0, 0, 0], [1, -2, 1, 2], 3.83929),
      (4, 3.02372, [1, 1, 1, 1], [1, 1, -2, 2], 2.85714),
    ] as [(Int, Float, [Float], [Float], Float)] {
      let (input, weight) = (operand(x, group: group), operand(w, group: group))
      #expect(isClose(input.step, step) && isClose(weight.step, 0.472456))
      #expect(Array(input.codes.elements) == codes && Array(weight.codes.elements) == weightCodes)
      let sum = zip(codes, weightCodes).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(isClose(input.step * weight.step * sum, y))
    }
    func error(_ group: Int) -> Double {
      operand(x, group: group).squaredError(arena, threads: 1).squareRoot()
        * operand(w, group: group).squaredError(arena, threads: 1).squareRoot()
    }
    #expect(abs(error(1) - 0.119) < 1e-3 && abs(error(4) - 0.601) < 1e-3)
    #expect(RotatedLinear(index: 0).bestGroup(x, w, arena, StepContext(cpu)) == 1)
  }

  @Test("the gradient of a step, and of what lies beyond the codes, worked out by hand")
  func learnedSteps() {
    let x = operand(matrix([0.9, -0.26, 4, -5], rows: 1), group: 1, step: 0.5)
    #expect(Array(x.codes.elements) == [2, -1, 7, -8])
    let gradient = matrix([1, -2, 3, 1], rows: 1)
    #expect(isClose(x.backward(gradient, arena, threads: 1), 2.67599))
    #expect(Array(gradient.elements) == [1, -2, 0, 0])
  }

  @Test(
    "a gradient is split as the published code does, biased where its clamps cut, and its rows are drawn without a bias"
  )
  func split() {
    let rows = 4000
    let row: [Float] = [1, 0.5, -0.21, 0.214, 0.013, 0]
    let dy = arena.matrix(rows: rows, columns: 6) { row[$0 % 6] }
    let halves = SampledGradient(
      dy, random: RandomStream(seed: 3, purpose: .q3), arena, threads: 2)
    #expect(Array(halves.high.rows(0..<1).elements) == [6, 4, -1, 1, 0, 0])
    func mean(_ values: FloatMatrix, _ column: Int) -> Float {
      Float((0..<rows).reduce(0.0) { $0 + Double(values.row($1)[column]) } / Double(rows))
    }
    for (column, expected) in ([6, -6, -6, 6, 1.274, 0] as [Float]).enumerated() {
      #expect(abs(mean(halves.low, column) - expected) < 0.03)
    }
    // Half of all rows are read; their mean is that of all.
    let drawn = halves.drawn(
      weights: nil, random: RandomStream(seed: 3, purpose: .q4), arena)
    for (column, expected) in ([90, 50, -20, 20, 1.274, 0] as [Float]).enumerated() {
      #expect(abs(mean(drawn, column) - expected / 98) < 0.03, "\(mean(drawn, column))")
    }
    let zero = SampledGradient(
      matrix([0, 0], rows: 1), random: RandomStream(seed: 3, purpose: .q3), arena, threads: 1)
    #expect(
      zero.drawn(weights: nil, random: RandomStream(seed: 3, purpose: .q4), arena).elements
        .allSatisfy { $0 == 0 })
  }

  @Test("scores become probabilities, worked out by hand")
  func probabilities() {
    func solved(_ scores: [Double], kept: Int) -> [Double] {
      let buffer = arena.array(of: Double.self, count: scores.count)
      for place in scores.indices { buffer[place] = scores[place] }
      SampledGradient.solve(buffer, kept: kept)
      return Array(buffer)
    }
    #expect(
      solved([10, 4, 1, 1, 0.5, 0.5, 0, 1], kept: 4) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0, 0.5])
    #expect(solved([0, 0], kept: 1) == [0, 0] && solved([5, 0, 0, 0], kept: 2) == [1, 0, 0, 0])
    #expect(solved([1, 1, 1, 1], kept: 2) == [0.5, 0.5, 0.5, 0.5])
  }

  private struct Vectors: Decodable {
    let n, d, c, group: Int
    let x, w, b, dy, first, steps, y, dx, dw, ds, db: [Float]
  }

  private func vectors() throws -> [Vectors] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Golden/int4_xi.json").standardized.path
    return try parseJSON(try readFile(path), as: [Vectors].self)
  }

  @Test("chooses, computes and derives what NumPy does from the definition")
  func golden() throws {
    let all = try vectors()
    #expect(all.map(\.group) == [4, 16, 2])
    for expected in all {
      let x = matrix(expected.x, rows: expected.n)
      func parameters(_ values: [Float]?, step: (Int) -> Float) -> RotatedLinear.Parameters {
        let (c, d) = (expected.c, expected.d)
        return RotatedLinear.Parameters(
          weight: values.map { matrix($0, rows: c) }
            ?? arena.matrix(rows: c, columns: d) { _ in 0 },
          bias: values == nil
            ? arena.matrix(rows: 1, columns: c) { _ in 0 } : matrix(expected.b, rows: 1),
          inputStep: matrix([step(0)], rows: 1), weightStep: matrix([step(1)], rows: 1))
      }
      let group = matrix([-1], rows: 1)
      let y = arena.matrix(rows: expected.n, columns: expected.c)
      let layer = RotatedLinear(index: 2, gradient: .exact)
      // The first step finds group and steps.
      var context = StepContext(cpu)
      context.recalibration = .groups
      let fresh = parameters(expected.w) { _ in -3 }
      layer.forward(x, fresh, group: group, y: y, arena: arena, context: context)
      #expect(1 << Int(group.base[0]) == expected.group)
      #expect(isClose(fresh.inputStep.base[0], expected.first[0]))
      #expect(isClose(fresh.weightStep.base[0], expected.first[1]))
      // Later ones go by what is there; the sign of a step says nothing.
      let learned = parameters(expected.w) { ($0 == 0 ? -1 : 1) * expected.steps[$0] }
      context.recalibration = .none
      layer.forward(x, learned, group: group, y: y, arena: arena, context: context)
      #expect(relativeError(Array(y.elements), expected.y) < 1e-5)
      #expect(learned.inputStep.base[0] == -expected.steps[0])
      context.isTraining = true
      layer.forward(x, learned, group: group, y: y, arena: arena, context: context)
      #expect(learned.inputStep.base[0] == expected.steps[0])
      let gradients = parameters(nil) { _ in 0 }
      let dx = arena.matrix(rows: expected.n, columns: expected.d)
      layer.backward(
        dy: matrix(expected.dy, rows: expected.n), x: x, learned, group: group, dx: dx,
        gradients: gradients, arena: arena, context: context)
      #expect(relativeError(Array(dx.elements), expected.dx) < 1e-5)
      #expect(relativeError(Array(gradients.weight.elements), expected.dw) < 1e-5)
      #expect(relativeError(Array(gradients.bias.elements), expected.db) < 1e-5)
      #expect(isClose(gradients.inputStep.base[0], expected.ds[0], 1e-4))
      #expect(isClose(gradients.weightStep.base[0], expected.ds[1], 1e-4))
    }
  }

  @Test("when rotations and steps are found anew")
  func schedule() {
    func all(_ steps: [Int]) -> [Recalibration] {
      steps.map { Recalibration(step: $0, stepsPerEpoch: 20) }
    }
    #expect(all([0, 1, 9, 10, 39]) == [.groups, .steps, .steps, .none, .none])
    #expect(all([40, 41, 49, 50, 1000]) == [.groups, .steps, .steps, .none, .none])
  }
}
