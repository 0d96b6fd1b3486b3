import MXLinear
import MXRuntime
import Oscillation
import TestSupport

/// A training of one tensor whose weights the test moves itself.
final class ToyTraining {
  /// A group whose scale is 1: the first weight is 6, the others lie around.
  static func group(_ others: Float...) -> [Float] {
    var values = [Float](repeating: 0.5, count: 32)
    values[0] = 6
    for (index, value) in others.enumerated() { values[index + 1] = value }
    return values
  }

  let quantizer: WeightQuantizer
  let weights, gradients: AlignedBuffer<Float>
  let totalSteps: Int
  let remedy: any Remedy
  /// The averages of another remedy.
  var averages: AlignedBuffer<Float>?
  var learningRate: (Int) -> Float = { _ in 1e-3 }
  /// That of a weight, by its place in the buffers.
  var gradient: (Int) -> Float = { _ in 1 }
  private(set) var step = 0
  private let arena = Arena(chunkCount: 1 << 16)

  init(
    _ values: [Float], rows: Int, totalSteps: Int, recipe: LinearRecipe = .tetrajet,
    _ remedy: (WeightQuantizer) -> any Remedy
  ) {
    quantizer = WeightQuantizer(oneTensor(rows, values.count / rows), recipe[.q2])
    weights = buffer(values)
    gradients = AlignedBuffer(count: weights.count)
    self.totalSteps = totalSteps
    self.remedy = remedy(quantizer)
  }

  func view(_ step: Int) -> TrainingView {
    TrainingView(
      cpu, step: step, totalSteps: totalSteps, stepsPerEpoch: 10, learningRate: learningRate,
      weights: weights, gradients: gradients,
      averages: averages ?? remedy.weightAverages(step: step), quantizer: quantizer, arena: arena)
  }

  /// One step in which `move` is the optimizer.
  func run(_ move: (AlignedBuffer<Float>) -> Void = { _ in }) throws {
    for place in 0..<gradients.count { gradients.base[place] = gradient(place) }
    try remedy.beforeStep(view(step)) { _, _ in }
    remedy.beforeUpdate(view(step))
    move(weights)
    remedy.afterUpdate(view(step))
    step += 1
  }

  subscript(_ element: Int) -> Float { weights.base[5 + element] }
}
