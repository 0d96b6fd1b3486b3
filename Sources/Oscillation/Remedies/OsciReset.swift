import MXLinear
import Runtime

/// Oscillation reset (Chen et al., "TetraJet-v2", arXiv:2510.27527): late in training, windows of some steps measure
/// every weight's oscillation ratio, and at their ends those that oscillate are put on their quantized values.
public final class OsciReset: Remedy {
  private let settings: RemedySettings.OsciReset
  private let window: MovementWindow
  /// Whether the window has followed the weights from the step before: not at its beginning, nor after a resume.
  private var isFollowing = false
  private var resets = 0, neighbours = 0

  /// No weight reset yet.
  public init(_ settings: RemedySettings.OsciReset, _ quantizer: WeightQuantizer) {
    self.settings = settings
    window = MovementWindow(quantizer, arena: Arena(chunkCount: 1 << 16))
  }

  /// The sums of a window that is open.
  public var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [
      ("oscireset.weight_path", window.weightPath),
      ("oscireset.quantized_path", window.quantizedPath),
    ]
  }

  /// The window; at its end the quantized weights once more, and which of them are reset.
  public static func memory(_ quantizer: WeightQuantizer) -> RemedyMemory {
    RemedyMemory(
      kept: MovementWindow.bytes(quantizer), state: 2 * quantizer.bufferBytes,
      scratch: quantizer.bufferBytes + quantizer.count + quantizer.scratchBytes)
  }

  /// Steps since the window at hand began; nil outside of windows.
  private func place(_ training: TrainingView) -> Int? {
    let first = Int((Double(settings.start) * Double(training.totalSteps)).rounded(.up))
    guard training.step >= first else { return nil }
    let place = (training.step - first) % settings.period
    return place < settings.window ? place : nil
  }

  /// Opens a window.
  public func beforeUpdate(_ training: TrainingView) {
    guard let place = place(training) else { return }
    if place == 0 || !isFollowing {
      window.begin(training.weights, averages: training.averages, keepsPaths: place > 0)
      isFollowing = true
    }
  }

  /// Follows the weights, and closes the window after its last step.
  public func afterUpdate(_ training: TrainingView) {
    guard let place = place(training) else { return }
    window.add(training.weights, averages: training.averages)
    if place == settings.window - 1 {
      reset(training)
      isFollowing = false
    }
  }

  /// w ← Q(w), and w_EMA ← Q(w), where R_w has reached the threshold.
  private func reset(_ training: TrainingView) {
    let quantizer = window.quantizer
    let start = training.arena.mark
    defer { training.arena.release(to: start) }
    let isReset = training.arena.array(of: Bool.self, count: quantizer.count)
    isReset.initialize(repeating: false)
    for slice in quantizer.slices {
      for place in slice where window.weightPath.base[place] > 0 {
        guard window.ratio(place) >= settings.threshold else { continue }
        let value = window.quantized.base[place]
        training.weights.base[place] = value
        training.averages?.base[place] = value
        isReset[place] = true
        resets += 1
      }
    }
    // A weight that is its group's largest can take the scale, and its neighbours' values, with it.
    let values = training.arena.allocate(quantizer.count)
    quantizer.quantize(
      training.weights, averages: training.averages, into: values, arena: training.arena)
    for slice in quantizer.slices {
      neighbours += slice.count { !isReset[$0] && values[$0] != window.quantized.base[$0] }
    }
  }

  /// Weights that were reset so far in this process, and others whose quantized values changed by that.
  public var report: [(key: String, value: Double)] {
    [("oscireset_weights", Double(resets)), ("oscireset_neighbours", Double(neighbours))]
  }
}
