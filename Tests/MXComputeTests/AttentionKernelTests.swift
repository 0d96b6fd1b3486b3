import Foundation
import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

/// One head of attention among its neighbours: T tokens of K numbers, rows wider than the head.
struct AttentionSample {
  let tokens, width: Int
  /// Numbers between two tokens of q, k and v together, and of the output.
  var stride: Int { 3 * width + 5 }
  var outputStride: Int { width + 3 }
  var scale: Float { 1 / Float(width).squareRoot() }
  var qkv: [Float]
  private(set) var dOutput: [Float]

  init(tokens: Int, width: Int, _ random: inout TestRandom) {
    (self.tokens, self.width) = (tokens, width)
    qkv = random.normals(tokens * (3 * width + 5)).map { 2 * $0 }
    dOutput = random.normals(tokens * (width + 3))
  }

  /// The same of numbers that bfloat16 has.
  var narrow: AttentionSample { mapped(\.roundedToBFloat16) }

  /// The same of other numbers.
  func mapped(_ body: (Float) -> Float) -> AttentionSample {
    var other = self
    (other.qkv, other.dOutput) = (qkv.map(body), dOutput.map(body))
    return other
  }

  /// Output, dQ, dK and dV, [T, K] each, by a set of kernels.
  func results(_ kernels: Kernels, _ precision: OperandPrecision = .fp32) -> [[Float]] {
    let source = Owned(qkv, rows: tokens, columns: stride)
    let dOut = Owned(dOutput, rows: tokens, columns: outputStride)
    // What is written beside the head shows.
    let out = Owned(
      Array(repeating: 7, count: tokens * outputStride), rows: tokens, columns: outputStride)
    let gradient = Owned(
      Array(repeating: 7, count: tokens * stride), rows: tokens, columns: stride)
    let scratch = AlignedBuffer<Float>(
      count: kernels.attentionScratch(tokens: tokens, width: width))
    // Scratch holds anything.
    scratch.base.update(repeating: .nan, count: scratch.count)
    let q = source.buffer.base
    let head = Kernels.AttentionHead(
      q: q, k: q + width, v: q + 2 * width, stride: stride, outputStride: outputStride,
      tokens: tokens, width: width, scale: scale, precision: precision)
    let d = gradient.buffer.base
    withExtendedLifetime(source) {
      kernels.attention(head, o: out.buffer.base, scratch: scratch.base)
      kernels.attentionBackward(
        head, dOutput: dOut.buffer.base, dq: d, dk: d + width, dv: d + 2 * width,
        scratch: scratch.base)
    }
    for token in 0..<tokens {
      #expect((width..<outputStride).allSatisfy { out.matrix.row(token)[$0] == 7 })
      #expect((3 * width..<stride).allSatisfy { gradient.matrix.row(token)[$0] == 7 })
    }
    return [columns(out.values, outputStride, 0)]
      + (0..<3).map { columns(gradient.values, stride, $0 * width) }
  }

  private func columns(_ values: [Float], _ stride: Int, _ first: Int) -> [Float] {
    (0..<tokens * width).map { values[$0 / width * stride + first + $0 % width] }
  }

  /// The same in double precision, by the definition; and by how much each number may differ where probabilities and
  /// gradients of scores are rounded to bfloat16, by 2⁻⁸ of themselves at most. Both, before, have errors of single
  /// precision: scores of up to 50 give a probability 50·2⁻²⁴ of itself, and ds that of the terms whose difference it is.
  var definition: (values: [[Float]], slack: [[Double]]) {
    let (q, k) = (columns(qkv, stride, 0), columns(qkv, stride, width))
    let (v, d) = (columns(qkv, stride, 2 * width), columns(dOutput, outputStride, 0))
    func dot(_ a: [Float], _ i: Int, _ b: [Float], _ j: Int) -> Double {
      (0..<width).reduce(0.0) { $0 + Double(a[i * width + $1]) * Double(b[j * width + $1]) }
    }
    var results = [[Double]](repeating: Array(repeating: 0, count: tokens * width), count: 4)
    var slack = results
    let (rounding, noise) = (0x1p-8, 0x1p-16)
    for i in 0..<tokens {
      let scores = (0..<tokens).map { dot(q, i, k, $0) * Double(scale) }
      let powers = scores.map { exp($0 - scores.max()!) }
      let sum = powers.reduce(0, +)
      let p = powers.map { $0 / sum }
      let dp = (0..<tokens).map { dot(d, i, v, $0) }
      let mean = zip(p, dp).reduce(0.0) { $0 + $1.0 * $1.1 }
      for j in 0..<tokens {
        let ds = Double(scale) * p[j] * (dp[j] - mean)
        for c in 0..<width {
          let (a, b) = (i * width + c, j * width + c)
          results[0][a] += p[j] * Double(v[b])
          results[1][a] += ds * Double(k[b])
          results[2][b] += ds * Double(q[a])
          results[3][b] += p[j] * Double(d[a])
          let dsError =
            rounding * abs(ds) + noise * Double(scale) * p[j] * (abs(dp[j]) + abs(mean))
          slack[0][a] += (rounding + noise) * p[j] * Double(v[b].magnitude)
          slack[1][a] += dsError * Double(k[b].magnitude)
          slack[2][b] += dsError * Double(q[a].magnitude)
          slack[3][b] += (rounding + noise) * p[j] * Double(d[a].magnitude)
        }
      }
    }
    return (results.map { $0.map(Float.init) }, slack)
  }
}

@Suite("Attention kernels")
struct AttentionKernelTests {
  static let shapes = [(1, 1), (2, 16), (17, 16), (33, 20), (50, 64), (100, 33), (197, 64)]

  @Test("follow the definition, forward and backward", arguments: CPU.names)
  func definition(name: String) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 130)
    for (tokens, width) in Self.shapes {
      let sample = AttentionSample(tokens: tokens, width: width, &random)
      for ((label, result), expected) in zip(
        zip(["o", "dq", "dk", "dv"], sample.results(kernels)), sample.definition.values)
      {
        // Scores of up to 50 carry an error of 50 units in the last place into the powers.
        let error = relativeError(result, expected)
        #expect(error <= 3e-6, "\(label), \(tokens) tokens of \(width): \(error)")
      }
    }
  }

  @Test(
    "follow the definition in bfloat16, forward and backward, to what rounding can make of it",
    arguments: CPU.names)
  func narrowDefinition(name: String) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 133)
    for (tokens, width) in Self.shapes {
      let sample = AttentionSample(tokens: tokens, width: width, &random)
      let results = sample.results(kernels, .bf16)
      // Operands are rounded, and rounded ones stay.
      #expect(sample.narrow.results(kernels, .bf16) == results)
      let definition = sample.narrow.definition
      for (part, label) in ["o", "dq", "dk", "dv"].enumerated() {
        let worst = results[part].indices.map { place in
          abs(Double(results[part][place]) - Double(definition.values[part][place]))
            / (definition.slack[part][place] + 1e-30)
        }.max()!
        #expect(worst <= 1, "\(label), \(tokens) tokens of \(width): \(worst)")
      }
      #expect(tokens == 1 || results != sample.narrow.results(kernels))
    }
  }

  @Test(
    "give a token less than 2⁻⁶⁴ as likely as the likeliest no share at all, and no subnormal numbers",
    arguments: CPU.names)
  func unlikely(name: String) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 136)
    // The scores of both tokens lie `binades` binades apart, and values that are large show a probability that is small.
    func share(_ binades: Float) -> Float {
      var sample = AttentionSample(tokens: 2, width: 16, &random).mapped { _ in 0 }
      let (query, key, value) = (0, sample.width, 2 * sample.width)
      sample.qkv[query] = binades * Float(M_LN2) / sample.scale
      sample.qkv[key] = 1
      sample.qkv[sample.stride + value] = 0x1p100
      return sample.results(kernels)[0][0]
    }
    #expect(abs(share(60) / 0x1p40 - 1) < 1e-4)
    for binades: Float in [65, 100, 140, 1000] { #expect(share(binades) == 0) }
  }

  @Test("in bfloat16, what is smaller than 2⁻⁵⁶ counts as zero", arguments: CPU.names)
  func tiny(name: String) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 134)
    let sample = AttentionSample(tokens: 21, width: 9, &random)
    let zero = sample.mapped { _ in 0 }.results(kernels, .bf16)
    #expect(zero.joined().allSatisfy { $0 == 0 })
    #expect(sample.mapped { _ in .leastNonzeroMagnitude }.results(kernels, .bf16) == zero)
    for tiny: Float in [0x1p-60, 0x1.fep-57, 0x1.fffffep-57] {
      #expect(sample.mapped { $0 < 0 ? -tiny : tiny }.results(kernels, .bf16) == zero)
      #expect(sample.mapped { _ in tiny }.results(kernels)[0].allSatisfy { $0 > 0 })
    }
    let small = sample.mapped { _ in 0x1p-56 }.results(kernels, .bf16)[0]
    #expect(small.allSatisfy { abs($0 / 0x1p-56 - 1) < 0x1p-8 })
  }

  @Test(
    "in bfloat16, what rounds above the largest number is infinite, and the largest is not",
    arguments: CPU.names)
  func huge(name: String) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 135)
    // One token has the probability 1.
    var sample = AttentionSample(tokens: 1, width: 4, &random)
    sample.qkv.replaceSubrange(8..<12, with: [3.4e38, 3.3895e38, -3.4e38, 0])
    #expect(sample.results(kernels, .bf16)[0] == [.infinity, 0x1.fep127, -.infinity, 0])
    #expect(sample.results(kernels)[0].allSatisfy { $0.isFinite })
  }

  @Test(
    "give the same bits on every instruction set that multiplies and adds at once",
    arguments: OperandPrecision.allCases)
  func sameBits(precision: OperandPrecision) throws {
    var random = TestRandom(seed: 131)
    // Without a fused instruction, every term is rounded twice.
    let fused = Kernels.available.filter { $0.name != "portable" }
    for (tokens, width) in Self.shapes {
      let sample = AttentionSample(tokens: tokens, width: width, &random)
      let results = fused.map { kernels in
        sample.results(kernels, precision).map { $0.map(\.bitPattern) }
      }
      for (kernels, result) in zip(fused, results) {
        #expect(result == results[0], "\(kernels.name), \(tokens) tokens of \(width)")
      }
    }
  }

  @Test(
    "a query or a key that is not finite shows in the output",
    arguments: CPU.names,
    [(part: 0, value: Float.nan), (part: 0, value: .infinity), (part: 1, value: .nan)])
  func broken(name: String, place: (part: Int, value: Float)) throws {
    let kernels = try #require(CPU.named(name)).kernels
    var random = TestRandom(seed: 132)
    var sample = AttentionSample(tokens: 20, width: 16, &random)
    sample.qkv[3 * sample.stride + place.part * 16 + 2] = place.value
    // A query reaches its own token, a key all.
    let reached = place.part == 0 ? 3 * 16..<4 * 16 : 0..<20 * 16
    for precision in OperandPrecision.allCases {
      let output = sample.results(kernels, precision)[0]
      #expect(output[reached].allSatisfy { $0.isNaN }, "\(precision)")
    }
  }
}
