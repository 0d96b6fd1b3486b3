import MXCompute
import MXRuntime

/// A training as a remedy sees it, at one moment of one step. All buffers have the layout of the model's weights.
package struct TrainingView {
  /// What computes.
  package let compute: any TrainingCompute
  /// The step that runs, from 0; of all `totalSteps`, `stepsPerEpoch` an epoch.
  package let step, totalSteps, stepsPerEpoch: Int
  /// The learning rate of every step of the training, from 0.
  package let learningRate: (_ step: Int) -> Float
  /// The latent weights, and the gradients of this step.
  package let weights, gradients: AlignedBuffer<Float>
  /// The moving averages that Q2 rounds by now; nil for none.
  package let averages: AlignedBuffer<Float>?
  /// Q2 of all weights.
  package let quantizer: WeightQuantizer
  /// Scratch.
  package let arena: Arena

  /// A moment of a training.
  package init(
    _ compute: any TrainingCompute, step: Int, totalSteps: Int, stepsPerEpoch: Int,
    learningRate: @escaping (Int) -> Float,
    weights: AlignedBuffer<Float>, gradients: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    quantizer: WeightQuantizer,
    arena: Arena
  ) {
    self.compute = compute
    (self.step, self.totalSteps, self.stepsPerEpoch) = (step, totalSteps, stepsPerEpoch)
    self.learningRate = learningRate
    (self.weights, self.gradients, self.averages) = (weights, gradients, averages)
    (self.quantizer, self.arena) = (quantizer, arena)
  }

  /// How much of the training lies behind, 0…1.
  package var share: Double { Double(step) / Double(max(totalSteps, 1)) }
}
