import MXCompute
import MXLinear
import MXRuntime

/// Which input channels of a model's layers are in a wide format (`OutControl`): counted over some steps, and then chosen.
///
/// Their marks lie among the weights; the places of their gradients have the norms of a step's inputs, which come together over
/// micro-batches and ranks as gradients do.
struct OutlierChannels {
  private let channels: [Parameter]
  private let rule: OutControl?
  /// The steps in which they are counted; they are chosen behind the last one.
  private let steps: Range<Int>

  /// Those of a model in a training of so many steps.
  init(_ table: ParameterTable, _ recipe: Recipe, steps total: Int) {
    channels = table.entries.filter { $0.part.role == .channels }.map(\.parameter)
    rule = recipe.linear.outControl
    steps = recipe.outlierCount.steps(of: total)
  }

  /// Takes the norms of a step into account, and chooses after the last one that counts. Sums are kept below zero, and marks are not.
  func follow(
    _ step: Int, _ weights: AlignedBuffer<Float>, _ gradients: AlignedBuffer<Float>,
    by compute: any TrainingCompute
  ) {
    guard let rule, steps.contains(step) else { return }
    for place in channels {
      let sums = weights[place]
      compute.add(
        gradients[place], map: nil, scaledBy: { _ in -1 }, length: 1, to: sums, into: sums)
      if step == steps.upperBound - 1, !MemoryLedger.isRunningDry { rule.choose(sums) }
    }
  }
}
