import MXCompute
import MXRuntime

/// Oscillation reset (Chen et al., "TetraJet-v2", arXiv:2510.27527): late in training, windows of some steps measure
/// every weight's oscillation ratio, and at their ends those that oscillate are put on their quantized values.
package final class OsciReset: Remedy {
  private let settings: RemedySettings.OsciReset
  private let window: MovementWindow
  /// Whether the window has followed the weights from the step before: not at its beginning, nor after a resume.
  private var isFollowing = false
  private var resets = 0, neighbours = 0

  /// No weight reset yet.
  package init(
    _ settings: RemedySettings.OsciReset, _ quantizer: WeightQuantizer,
    _ compute: any TrainingCompute
  ) {
    self.settings = settings
    window = MovementWindow(quantizer, compute, arena: Arena(chunkCount: 1 << 16))
  }

  /// The sums of a window that is open.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    [
      ("oscireset.weight_path", window.track.weightPath),
      ("oscireset.quantized_path", window.track.quantizedPath),
    ]
  }

  /// Steps since the window at hand began; nil outside of windows.
  private func place(_ training: TrainingView) -> Int? {
    let first = Int((Double(settings.start) * Double(training.totalSteps)).rounded(.up))
    guard training.step >= first else { return nil }
    let place = (training.step - first) % settings.period
    return place < settings.window ? place : nil
  }

  /// Opens a window.
  package func beforeUpdate(_ training: TrainingView) {
    guard let place = place(training) else { return }
    if place == 0 || !isFollowing {
      window.begin(
        training.weights, averages: training.averages,
        continuing: place > 0 ? MovementWindow.Sums() : nil)
      isFollowing = true
    }
  }

  /// Follows the weights, and closes the window after its last step.
  package func afterUpdate(_ training: TrainingView) {
    guard let place = place(training) else { return }
    window.add(training.weights, averages: training.averages)
    if place == settings.window - 1 {
      reset(training)
      isFollowing = false
    }
  }

  /// w ← Q(w), and w_EMA ← Q(w), where R_w has reached the threshold.
  private func reset(_ training: TrainingView) {
    let (quantizer, compute) = (window.quantizer, training.compute)
    training.arena.scratch {
      let isReset = training.arena.array(of: Bool.self, count: quantizer.count)
      resets += compute.reset(
        training.weights, averages: training.averages, to: window.quantized, window.track,
        threshold: settings.threshold, isReset: isReset, quantizer.slices)
      // A weight that is its group's largest can take the scale, and its neighbours' values, with it.
      let values = training.arena.matrix(rows: 1, columns: quantizer.count)
      quantizer.quantize(
        training.weights, averages: training.averages, into: values, by: compute,
        arena: training.arena)
      neighbours += compute.countDifferences(
        values, window.quantized.matrix(), unless: isReset, quantizer.slices)
    }
  }

  /// Weights that were reset so far, and others whose quantized values changed by that.
  package var counts: [Int] {
    get { [resets, neighbours] }
    set { if newValue.count == 2 { (resets, neighbours) = (newValue[0], newValue[1]) } }
  }

  /// The same.
  package var report: [(key: String, value: Double)] {
    [("oscireset_weights", Double(resets)), ("oscireset_neighbours", Double(neighbours))]
  }
}

extension RemedySettings {
  /// `oscireset.*` (TetraJet-v2).
  package struct OsciReset: Equatable, Sendable {
    /// The share of training before the first window.
    package var start: Float = 0.6
    /// Steps from one window's beginning to the next one's, P.
    package var period = 400
    /// Steps of a window, T.
    package var window = 50
    /// R_w from which a weight is reset.
    package var threshold: Float = 8
  }
}
