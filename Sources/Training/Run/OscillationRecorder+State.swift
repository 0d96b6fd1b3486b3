import Files
import MXCompute
import MXLinear
import MXRuntime
import Oscillation

/// What a checkpoint has of a window of statistics, so that a run that is killed in one says the same in the end.
extension OscillationRecorder {
  private static let key = "statistics_window"
  private static let inputsKey = "statistics_inputs"
  private static let recordName = "statistics.trajectories"
  /// The paths of the weights and of their quantized values, by what stands before their tensors' names.
  private static func paths(_ track: MovementTrack) -> [(prefix: String, AlignedBuffer<Float>)] {
    [
      ("statistics.weight_path.", track.weightPath),
      ("statistics.quantized_path.", track.quantizedPath),
    ]
  }

  /// The tensors of the window that has been begun, and its numbers; nothing where there is none.
  var state: (tensors: [OutgoingTensor], metadata: [String: String]) {
    guard let window else { return ([], [:]) }
    let record = window.trajectories.record
    let step = window.trajectories.numbersAStep
    let tensors =
      Self.paths(window.movement.track).flatMap {
        training.model.parameters.tensors(of: $1, prefix: $0)
      } + [.floats(Self.recordName, shape: [window.movement.sums.steps, step], record)]
    var metadata = [Self.key: WindowNumbers(window).text]
    if let inputs = window.inputs { metadata[Self.inputsKey] = inputs.text(window.fullInputRates) }
    return (tensors, metadata)
  }

  /// Goes on with the window that was open when a checkpoint was written, where it ends as windows do now.
  ///
  /// - Parameter step: the next step; the weights are those before it.
  /// - Throws: `SafetensorsError`.
  func resume(from file: SafetensorsFile, step: Int) throws {
    guard let text = file.metadata[Self.key] else { return }
    guard let numbers = WindowNumbers(text) else {
      throw file.error(
        .metadata(key: Self.key, found: text, expected: "the numbers of a window of statistics"))
    }
    let lastStep = numbers.isClosed ? step - 1 : stepsLeft(step).map { step + $0 - 1 }
    guard numbers.lastStep == lastStep else { return }
    let movement = newMovement()
    for (prefix, buffer) in Self.paths(movement.track) {
      try training.model.parameters.load(from: file, into: buffer, prefix: prefix)
    }
    let now = training.deployed(step: step)
    movement.begin(
      training.weights, averages: now.averages, reading: now.weights, continuing: numbers.sums)
    let record = try file.floats(
      Self.recordName, shape: [numbers.sums.steps, Trajectories(movement).numbersAStep])
    let inputs = newInputs()
    let output = try output(now, lastStep: numbers.lastStep, inputs)
    var window = Window(
      movement: movement, trajectories: Trajectories(movement, continuing: record),
      output: output, outputRates: numbers.outputRates, inputs: inputs, seconds: numbers.seconds,
      losses: numbers.losses, lastStep: numbers.lastStep, isClosed: numbers.isClosed)
    if let inputs {
      // Without them this window began before inputs were followed.
      guard let text = file.metadata[Self.inputsKey], let sums = inputs.resume(text) else { return }
      window.fullInputRates = sums
    }
    self.window = window
  }
}

/// The numbers of a window that a checkpoint's metadata have.
private struct WindowNumbers {
  let lastStep: Int
  let isClosed: Bool
  let outputRates, seconds: Double
  let sums: MovementWindow.Sums
  let losses: [Operand: QuantizerLosses]

  init(_ window: OscillationRecorder.Window) {
    (lastStep, isClosed) = (window.lastStep, window.isClosed)
    (outputRates, seconds) = (window.outputRates, window.seconds)
    (sums, losses) = (window.movement.sums, window.losses)
  }

  /// As text that gives the same bits again: numbers in the order of `init(_:)`, and then four words for each quantizer.
  var text: String {
    let (rates, whole) = (sums.rates, sums.wholeRates)
    let numbers =
      [lastStep, isClosed ? 1 : 0, sums.steps, sums.flips, sums.scaleFlips].map(String.init)
      + [outputRates, seconds, rates.weight, rates.quantized, whole.weight, whole.quantized]
      .map { "\($0)" }
    let lost = Operand.allCases.compactMap { operand in
      losses[operand].map {
        "\(operand.rawValue) \($0.elements) \($0.saturated) \($0.underflowed)"
      }
    }
    return (numbers + lost).joined(separator: " ")
  }

  init?(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    guard words.count >= 11, (words.count - 11).isMultiple(of: 4) else { return nil }
    let (counts, numbers) = (
      words[..<5].compactMap { Int($0) }, words[5..<11].compactMap(Double.init)
    )
    guard counts.count == 5, numbers.count == 6, counts.allSatisfy({ $0 >= 0 }) else { return nil }
    (lastStep, isClosed) = (counts[0], counts[1] == 1)
    (outputRates, seconds) = (numbers[0], numbers[1])
    var sums = MovementWindow.Sums()
    (sums.steps, sums.flips, sums.scaleFlips) = (counts[2], counts[3], counts[4])
    (sums.rates.weight, sums.rates.quantized) = (numbers[2], numbers[3])
    (sums.wholeRates.weight, sums.wholeRates.quantized) = (numbers[4], numbers[5])
    self.sums = sums
    var losses: [Operand: QuantizerLosses] = [:]
    for start in stride(from: 11, to: words.count, by: 4) {
      let lost = words[start + 1..<start + 4].compactMap { Int($0) }
      guard let operand = Operand(rawValue: words[start]), lost.count == 3 else { return nil }
      losses[operand] = QuantizerLosses(
        elements: lost[0], saturated: lost[1], underflowed: lost[2])
    }
    self.losses = losses
  }
}

extension InputCensus {
  /// Its sums, and one more, as text that gives the same bits again.
  fileprivate func text(_ sum: Double) -> String {
    let numbers = layers.flatMap { [$0.rate, $0.quantizedRate, $0.flips] }
    return ([sum] + numbers).map { "\($0)" }.joined(separator: " ")
  }

  /// Goes on with such sums, which it has seen the layers of.
  ///
  /// - Returns: the one more; nil where the text is of other layers.
  fileprivate func resume(_ text: String) -> Double? {
    let numbers = text.split(separator: " ").compactMap { Double($0) }
    guard numbers.count == 3 * layers.count + 1 else { return nil }
    resume(
      layers.enumerated().map { index, layer in
        var layer = layer
        (layer.rate, layer.quantizedRate, layer.flips) = (
          numbers[3 * index + 1], numbers[3 * index + 2], numbers[3 * index + 3]
        )
        return layer
      })
    return numbers[0]
  }
}
