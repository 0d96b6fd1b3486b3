import Files
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// What a block puts out for the fixed batch, and what goes into layers on the way.
extension OscillationRecorder {
  /// Y, and, where codes of inputs are followed, Y as it would be if Q1 were off.
  struct BatchOutput {
    let values: AlignedBuffer<Float>
    let withFullInputs: AlignedBuffer<Float>?
  }

  /// What follows codes of inputs; nil where nobody asks, or nothing is computed for the batch.
  func newInputs() -> InputCensus? {
    settings.inputs && batch != nil ? InputCensus() : nil
  }

  /// The output of a block for the fixed batch.
  ///
  /// - Parameters:
  ///   - deployed: the weights, and what Q2 rounds them by.
  ///   - lastStep: of the window, whose quantizers are those of all its outputs.
  ///   - inputs: what follows the inputs on the way.
  func output(
    _ deployed: TrainingStep.Deployed, lastStep: Int, _ inputs: InputCensus?
  ) throws -> BatchOutput? {
    guard let batch else { return nil }
    let model = training.model(at: lastStep)
    return BatchOutput(
      values: try features(batch, model, deployed, inputs),
      withFullInputs: try inputs.map { _ in
        try features(batch, training.modelWithFullInputs(at: lastStep), deployed, nil)
      })
  }

  private func features(
    _ batch: Batch, _ model: VisionModel, _ deployed: TrainingStep.Deployed,
    _ inputs: InputCensus?
  ) throws -> AlignedBuffer<Float> {
    try batch.withMatrix { images in
      try workspace.frame {
        var context = StepContext(training.compute)
        context.inputs = inputs
        let pass = Pass(
          training.compute, weights: deployed.weights, weightAverages: deployed.averages,
          workspace: workspace, context: context)
        let features = try model.features(images, block: block, pass)
        let output = AlignedBuffer<Float>(count: features.count)
        training.compute.copy(features, into: output.matrix())
        return output
      }
    }
  }

  /// r(Y), r(Y) without Q1, and how inputs and their codes move, layer by layer and on the mean of the layers.
  func addOutputs(_ window: Window, to line: inout JSONLine) {
    let steps = Double(window.movement.sums.steps)
    guard window.output != nil else { return }
    line.add(.outputRate, window.outputRates / steps)
    guard let layers = window.inputs?.layers, !layers.isEmpty else { return }
    line.add(.fullInputOutputRate, window.fullInputRates / steps)
    for (metric, each, value) in [
      (Metric.inputRate, Metric.layerInputRates, \InputCensus.Layer.rate),
      (.quantizedInputRate, .layerQuantizedInputRates, \.quantizedRate),
      (.inputFlips, .layerInputFlips, \.flips),
    ] {
      var map = JSONLine()
      for layer in layers { map.add(layer.name, layer[keyPath: value] / steps) }
      line.add(
        metric, layers.reduce(0) { $0 + $1[keyPath: value] } / (steps * Double(layers.count)))
      line.add(each, map)
    }
  }
}

extension AlignedBuffer<Float> {
  /// r = ‖after − before‖ / ‖before‖.
  func rate(to after: AlignedBuffer<Float>) -> Double {
    RowMovement(from: matrix(), to: after.matrix()).rate
  }
}
