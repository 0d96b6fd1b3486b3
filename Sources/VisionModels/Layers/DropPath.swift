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
  ///
  /// - Parameter map: from the rows of x to those of the branch; nil for the same ones.
  package func add(
    _ branch: FloatMatrix, map: RowMap? = nil, to x: FloatMatrix, into sum: FloatMatrix,
    _ random: RandomStream?, _ compute: any TrainingCompute
  ) {
    compute.add(
      branch, map: map, scaledBy: { factor($0, random) }, length: tokens, to: x, into: sum)
  }

  /// factor · gradient, made as it is read.
  ///
  /// - Parameter map: the order of its rows; nil for that of the gradient.
  func scaled(
    _ gradient: FloatMatrix, map: RowMap? = nil, _ random: RandomStream?, _ pass: Pass
  ) -> LazyMatrix {
    guard random != nil, probability > 0 else {
      return map == nil ? .matrix(gradient) : .rows(RowTerms(gradient, map: map))
    }
    let factors = pass.scratch.array(of: Float.self, count: gradient.rows / tokens)
    for image in factors.indices { factors[image] = factor(image, random) }
    return .rows(RowTerms(gradient, map: map, factors: factors))
  }
}
