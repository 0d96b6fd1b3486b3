import Foundation
import MXRuntime

/// Each group of the quantized weights takes one of three candidates, by three logits of its own (OSMQ: Documentation/Numerics.md,
/// section 6). All buffers are in the layout of the weights.
package struct GroupChoice {
  /// Three matrices of as many numbers as there are weights.
  package typealias Candidates = (FloatMatrix, FloatMatrix, FloatMatrix)

  /// c₀, c₁ and c₂: values that codes stand for.
  package let candidates: Candidates
  /// l of each group, in the places of its first three weights.
  package let logits: AlignedBuffer<Float>
  package let tensors: [QuantizedTensor]
  /// τ of the softmax.
  package let temperature: Float
  /// What the Gumbel noise is drawn from; nil for none.
  package let noise: Noise?

  /// A step of a run, which keys the noise of its groups.
  package struct Noise {
    let seed: UInt64
    let step: Int

    /// That of a step.
    package init(seed: UInt64, step: Int) { (self.seed, self.step) = (seed, step) }

    fileprivate func stream(_ tensor: Int) -> RandomStream {
      RandomStream(seed: seed, purpose: .weightChoice, step: step, layer: tensor)
    }
  }

  /// - Parameters:
  ///   - candidates: what groups choose from.
  ///   - logits: three numbers of each group, in the places of its first three weights.
  ///   - tensors: those that are quantized, no last group of which has fewer than three weights.
  ///   - temperature: τ.
  ///   - noise: what groups draw from; nil for the likeliest candidate.
  package init(
    _ candidates: Candidates, logits: AlignedBuffer<Float>, tensors: [QuantizedTensor],
    temperature: Float,
    noise: Noise?
  ) {
    (self.candidates, self.logits, self.tensors) = (candidates, logits, tensors)
    (self.temperature, self.noise) = (temperature, noise)
  }

  /// One AdamW step of logits, without decay.
  package struct Update {
    /// The moments of the logits, in their places.
    package let m, v: AlignedBuffer<Float>
    package let learningRate, beta1, beta2, epsilon: Float
    /// 1, 2, …, for the bias correction.
    package let step: Int

    /// A step.
    package init(
      m: AlignedBuffer<Float>, v: AlignedBuffer<Float>, learningRate: Float, beta1: Float,
      beta2: Float, epsilon: Float, step: Int
    ) {
      (self.m, self.v, self.learningRate) = (m, v, learningRate)
      (self.beta1, self.beta2, self.epsilon, self.step) = (beta1, beta2, epsilon, step)
    }
  }

  /// A group: its first weight, how many it has, and l + g.
  private struct Group {
    let start, count: Int
    let scores: SIMD3<Float>

    /// The first of the largest.
    var choice: Int {
      var best = 0
      for candidate in 1..<3 where scores[candidate] > scores[best] { best = candidate }
      return best
    }
  }

  /// All logits become the same three.
  package static func begin(
    _ logits: AlignedBuffer<Float>, with values: [Float], _ tensors: [QuantizedTensor]
  ) {
    precondition(values.count == 3, "\(values.count) logits")
    if MemoryLedger.isRunningDry { return }
    for tensor in tensors {
      for row in 0..<tensor.rows {
        for group in 0..<tensor.groups {
          let start = tensor.offset + row * tensor.columns + group * tensor.format.groupSize
          for (candidate, value) in values.enumerated() { logits[start + candidate] = value }
        }
      }
    }
  }

  /// weights = c_k of each group, with the largest l_k + g_k.
  package func choose(into weights: AlignedBuffer<Float>, threads: Int) {
    forEachGroup(threads) { group in
      let chosen = self[group.choice]
      for place in group.start..<group.start + group.count {
        weights.base[place] = chosen.base[place]
      }
    }
  }

  /// l goes down its gradient dL/dl_j = y_j·(a_j − Σ_k y_k·a_k)/τ, with y = softmax((l + g)/τ) and a_k = Σ dL/dw·c_k over the
  /// group.
  package func update(
    _ gradients: AlignedBuffer<Float>, _ update: Update, threads: Int
  ) {
    // In double precision, so that the last bit of a library's power does not reach the result.
    func correction(_ beta: Float) -> Float { Float(1 - pow(Double(beta), Double(update.step))) }
    let corrections = (correction(update.beta1), correction(update.beta2))
    forEachGroup(threads) { group in
      let slope = slope(group.scores, products(group, gradients))
      for candidate in 0..<3 {
        let (place, g) = (group.start + candidate, slope[candidate])
        let m = update.beta1 * update.m.base[place] + (1 - update.beta1) * g
        let v = update.beta2 * update.v.base[place] + (1 - update.beta2) * g * g
        (update.m.base[place], update.v.base[place]) = (m, v)
        let divisor = (v / corrections.1).squareRoot() + update.epsilon
        logits.base[place] -= update.learningRate * (m / corrections.0) / divisor
      }
    }
  }

  /// dL/dl, from l + g and a.
  package func slope(_ scores: SIMD3<Float>, _ products: SIMD3<Float>) -> SIMD3<Float> {
    let largest = scores.max()
    var y = SIMD3<Float>()
    for candidate in 0..<3 {
      y[candidate] = Reference.exponential((scores[candidate] - largest) / temperature)
    }
    y /= y.sum()
    return y * (products - (y * products).sum()) / temperature
  }

  private func products(_ group: Group, _ gradients: AlignedBuffer<Float>) -> SIMD3<Float> {
    var sums = SIMD3<Double>()
    for place in group.start..<group.start + group.count {
      let gradient = Double(gradients.base[place])
      for candidate in 0..<3 { sums[candidate] += gradient * Double(self[candidate].base[place]) }
    }
    return SIMD3<Float>(sums)
  }

  private subscript(candidate: Int) -> FloatMatrix {
    switch candidate {
    case 0: candidates.0
    case 1: candidates.1
    default: candidates.2
    }
  }

  private func forEachGroup(_ threads: Int, _ body: (Group) -> Void) {
    for (index, tensor) in tensors.enumerated() {
      let random = noise?.stream(index)
      let size = tensor.format.groupSize
      parallelRanges(tensor.rows, length: 16, threads: threads) { rows in
        for row in rows {
          for group in 0..<tensor.groups {
            let column = group * size
            let start = tensor.offset + row * tensor.columns + column
            var scores = SIMD3(logits.base[start], logits.base[start + 1], logits.base[start + 2])
            if let random {
              let words = random.block(UInt32(group), UInt32(row))
              for candidate in 0..<3 { scores[candidate] += Self.gumbel(words[candidate]) }
            }
            body(Group(start: start, count: min(size, tensor.columns - column), scores: scores))
          }
        }
      }
    }
  }

  /// −ln(−ln u) of a number u in (0, 1).
  private static func gumbel(_ bits: UInt32) -> Float {
    Float(-log(-log((Double(bits) + 0.5) * 0x1p-32)))
  }
}
