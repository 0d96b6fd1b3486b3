import MXCompute
import MXRuntime

/// Moving averages μ of the inputs of layers that quantize what inputs are beside them (`Linear.Parameters.inputMean`).
///
/// They lie among the weights; the places of their gradients have what they lack of the mean of a step's inputs, which comes
/// together over micro-batches and ranks as gradients do.
struct InputMeans {
  private let means: [Parameter]
  private let decay: Float

  /// Those of a model, which forget by `decay` in a step.
  init(_ table: ParameterTable, decay: Float) {
    means = table.entries.filter { $0.part.role == .means }.map(\.parameter)
    self.decay = decay
  }

  /// μ ← β·μ + (1 − β)·mean(X); at the beginning 1 − β is 1, 1/2, 1/3, …: the plain mean over all steps.
  func follow(
    _ step: Int, _ weights: AlignedBuffer<Float>, _ gradients: AlignedBuffer<Float>,
    by compute: any TrainingCompute
  ) {
    let share = max(1 - decay, 1 / Float(step + 1))
    for place in means {
      let (mean, distance) = (weights[place], gradients[place])
      compute.add(distance, map: nil, scaledBy: { _ in share }, length: 1, to: mean, into: mean)
    }
  }
}
