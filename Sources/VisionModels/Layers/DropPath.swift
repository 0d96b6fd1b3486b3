import MXCompute
import MXRuntime

/// Stochastic depth (Huang et al. 2016): in training, an image's branch is left out with a probability,
/// and scaled by 1/(1 − probability) where it is kept.
package struct DropPath: Sendable {
  let probability: Float
  let tokens: Int

  /// Drop path of images of `tokens` rows each.
  package init(probability: Float, tokens: Int) {
    self.probability = probability
    self.tokens = tokens
  }

  /// The factor of an image; 1 without random numbers (evaluation).
  private func factor(_ image: Int, _ random: RandomStream?) -> Float {
    guard let random, probability > 0 else { return 1 }
    return random.uniform(image) < probability ? 0 : 1 / (1 - probability)
  }

  /// sum [B·T, C] = x + factor · branch.
  package func add(
    _ branch: FloatMatrix, to x: FloatMatrix, into sum: FloatMatrix, _ random: RandomStream?,
    _ compute: any TrainingCompute
  ) {
    compute.add(
      branch, scaledBy: { factor($0, random) }, length: tokens, to: x, into: sum)
  }

  /// factor · gradient; the gradient itself where all factors are 1.
  func scaled(_ gradient: FloatMatrix, _ random: RandomStream?, _ pass: Pass) -> FloatMatrix {
    guard random != nil, probability > 0 else { return gradient }
    let result = pass.scratch.matrix(rows: gradient.rows, columns: gradient.columns)
    pass.compute.fill(result, with: 0)
    add(gradient, to: result, into: result, random, pass.compute)
    return result
  }
}
