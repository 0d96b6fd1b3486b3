import Files
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import VisionModels

/// Measures, over windows of steps, how the weights of a training oscillate, and says it in the metrics' terms.
///
/// Windows end at the last step and every `interval` steps before it. Measuring changes nothing that is trained. A checkpoint
/// has the window that is open (`OscillationRecorder+State.swift`).
final class OscillationRecorder {
  let settings: Recipe.Statistics
  let training: TrainingStep
  /// The fixed batch on which r(Y) is measured.
  let batch: Batch?
  private let totalSteps, stepsPerEpoch: Int
  /// The block whose output on it is Y, from 1.
  let block: Int
  /// Memory for measuring.
  let workspace = Workspace(chunkCount: 1 << 20)
  /// What has been begun, until it is taken.
  var window: Window?

  /// What is kept of a window.
  struct Window {
    let movement: MovementWindow
    let trajectories: Trajectories
    /// The last step's, on the fixed batch.
    var output: BatchOutput?
    /// Of r(Y), over the steps; and of the same without Q1.
    var outputRates = 0.0, fullInputRates = 0.0
    /// How codes of inputs move; nil where nobody asks.
    let inputs: InputCensus?
    /// What measuring took.
    var seconds = 0.0
    /// What the quantizers lost in the window's last step.
    var losses: [Operand: QuantizerLosses] = [:]
    /// The step that it ends with.
    let lastStep: Int
    /// Whether that is done.
    var isClosed = false
  }

  /// - Parameter batch: nil for no r(Y).
  init(
    _ settings: Recipe.Statistics, _ training: TrainingStep, batch: Batch?, stepsPerEpoch: Int,
    totalSteps: Int
  ) {
    self.settings = settings
    self.training = training
    self.batch = batch
    self.totalSteps = totalSteps
    self.stepsPerEpoch = stepsPerEpoch
    block = settings.outputBlock(of: training.model.configuration)
  }

  /// Whether a window has closed since its statistics were last taken.
  var hasResult: Bool { window?.isClosed == true }

  /// Takes the statistics of the last window that closed, before the next step.
  func take() -> JSONLine? {
    guard let closed = window, closed.isClosed else { return nil }
    window = nil
    let start = ContinuousClock.now
    var line = line(closed)
    line.add(.statisticsSeconds, closed.seconds + start.duration(to: .now).inSeconds)
    return line
  }

  func stepsLeft(_ step: Int) -> Int? {
    settings.stepsLeft(step, stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
  }

  /// Opens a window before its first step.
  func beforeStep(_ step: Int) throws {
    guard let left = stepsLeft(step) else { return }
    if window == nil {
      let start = ContinuousClock.now
      let movement = newMovement()
      let now = training.deployed(step: step)
      movement.begin(training.weights, averages: now.averages, reading: now.weights)
      let (lastStep, inputs) = (step + left - 1, newInputs())
      window = Window(
        movement: movement, trajectories: Trajectories(movement),
        output: try output(now, lastStep: lastStep, inputs), inputs: inputs,
        lastStep: lastStep)
      window?.seconds = start.duration(to: .now).inSeconds
    }
    training.census = left == 1 ? QuantizerCensus() : nil
  }

  /// Follows the weights after a step, and closes the window after its last one.
  func afterStep(_ step: Int) throws {
    guard stepsLeft(step) != nil, var window else { return }
    let start = ContinuousClock.now
    let now = training.deployed(step: step + 1)
    window.movement.add(training.weights, averages: now.averages, reading: now.weights)
    window.trajectories.add(training.weights)
    if let before = window.output,
      let after = try output(now, lastStep: window.lastStep, window.inputs)
    {
      window.outputRates += before.values.rate(to: after.values)
      if let full = before.withFullInputs, let next = after.withFullInputs {
        window.fullInputRates += full.rate(to: next)
      }
      window.output = after
    }
    if step == window.lastStep {
      window.isClosed = true
      for operand in Operand.allCases { window.losses[operand] = training.census?[operand] }
      training.census = nil
    }
    window.seconds += start.duration(to: .now).inSeconds
    self.window = window
  }

  /// What follows the weights through a window.
  func newMovement() -> MovementWindow {
    MovementWindow(training.weightQuantizer, training.compute, arena: workspace.scratch)
  }

  private func line(_ window: Window) -> JSONLine {
    let statistics = OscillationStatistics(window.movement)
    var line = JSONLine()
    line.add(.statisticsSteps, window.movement.sums.steps)
    line.add(.weightRate, statistics.rates.weight)
    line.add(.quantizedWeightRate, statistics.rates.quantized)
    line.add(.wholeWeightRate, statistics.wholeRates.weight)
    line.add(.wholeQuantizedWeightRate, statistics.wholeRates.quantized)
    addOutputs(window, to: &line)
    let confidence = QuantizationConfidence(
      training.weights, training.weightQuantizer, by: training.compute)
    line.add(.confidence, confidence.all.mean)
    line.add(.oscillatingShare, statistics.oscillatingShare)
    line.add(.flips, statistics.flipsPerStep)
    line.add(.scaleFlips, statistics.scaleFlipsPerStep)
    var percentiles = JSONLine()
    for (percent, value) in statistics.ratioPercentiles { percentiles.add("\(percent)", value) }
    line.add(.ratioPercentiles, percentiles)
    line.add(.confidenceHistogram, confidence.all.histogram)
    line.add(.latentHistogram, confidence.all.latent)
    line.add(
      .latentRange, ConfidenceGrid(training.weightQuantizer.recipe.format.elements).latentRange)
    addLosses(window.losses, to: &line)
    if settings.layers {
      line.add(
        .layers,
        zip(confidence.layers, statistics.layerShares).map { confidence, share in
          let (name, summary) = confidence
          var layer = JSONLine()
          layer.add("name", name)
          layer.add("mean", summary.mean)
          layer.add("oscillating_share", share.share)
          layer.add("histogram", summary.histogram)
          return layer
        })
    }
    if settings.trajectories > 0, training.weightQuantizer.tellsUnits {
      line.add(
        .trajectories, window.trajectories.liveliest(settings.trajectories).map(Self.object))
    }
    return line
  }

  /// The shares of elements that each quantizer clips, and turns into zeros.
  private func addLosses(_ losses: [Operand: QuantizerLosses], to line: inout JSONLine) {
    var (saturation, underflow) = (JSONLine(), JSONLine())
    for operand in Operand.allCases {
      guard let losses = losses[operand] else { continue }
      saturation.add(operand.rawValue, Double(losses.saturated) / Double(losses.elements))
      underflow.add(operand.rawValue, Double(losses.underflowed) / Double(losses.elements))
    }
    line.add(.saturation, saturation)
    line.add(.underflow, underflow)
  }

  private static func object(_ path: Trajectories.Path) -> JSONLine {
    var line = JSONLine()
    line.add("name", path.name)
    line.add("row", path.row)
    line.add("column", path.column)
    line.add("latent", path.latent)
    line.add("quantized", path.quantized)
    if path.scale.isEmpty {
      line.add("scale_exponent", path.scaleExponent)
    } else {
      line.add("scale", path.scale)
      line.add("scale_byte", path.scaleByte)
    }
    line.add("code", path.code)
    return line
  }
}
