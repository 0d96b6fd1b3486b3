import MXCompute
import MXRuntime

/// Follows weights and their quantized values over the steps of a window (the paper's Appendix A).
///
/// The oscillation ratio of a weight is R_w = Σ|Δw_Q| / (Σ|Δw| + 10⁻⁸): how much further its quantized value went
/// than the weight itself.
package final class MovementWindow {
  /// Whose weights these are.
  package let quantizer: WeightQuantizer
  /// How far each weight has come, in the layout of the weights.
  package let track: MovementTrack
  /// The quantized values after the last step.
  package let quantized: AlignedBuffer<Float>
  /// Their scales' bytes, in the order of `WeightQuantizer.quantize`.
  package var currentScales: AlignedBuffer<UInt8> { scalesBefore }
  /// The scales themselves; nil where they are powers of two, which the bytes tell.
  let currentUnits: AlignedBuffer<Float>?
  /// What it has added up so far, beside `track`.
  package private(set) var sums = Sums()
  private var scales, scalesBefore: AlignedBuffer<UInt8>
  /// What one step moves in each of the quantizer's slices.
  private let movements: AlignedBuffer<WeightMovement>
  /// Where rotated weights are put, if the quantizer reads those.
  private let latentMemory: AlignedBuffer<Float>?
  private let compute: any TrainingCompute
  private let arena: Arena

  /// A window that no step has entered yet.
  package init(_ quantizer: WeightQuantizer, _ compute: any TrainingCompute, arena: Arena) {
    self.quantizer = quantizer
    (self.compute, self.arena) = (compute, arena)
    latentMemory = quantizer.latentMemory()
    track = MovementTrack(count: quantizer.count)
    quantized = AlignedBuffer(count: quantizer.count)
    (scales, scalesBefore) = (
      AlignedBuffer(count: quantizer.groupCount), AlignedBuffer(count: quantizer.groupCount)
    )
    currentUnits = quantizer.hasPowers ? nil : AlignedBuffer(count: quantizer.groupCount)
    movements = AlignedBuffer(count: quantizer.slices.count)
  }

  /// Starts from the weights of now.
  ///
  /// - Parameters:
  ///   - averages: what Q2 rounds by.
  ///   - read: what Q2 reads; nil for the weights.
  ///   - sums: of a window that was open when a run was interrupted, and goes on with them and the paths that `track` has.
  package func begin(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    reading read: AlignedBuffer<Float>? = nil, continuing sums: Sums? = nil
  ) {
    compute.copy(latent(weights).matrix(), into: track.weightBefore.matrix())
    quantizer.quantize(
      read ?? weights, averages: averages, into: track.quantizedBefore.matrix(),
      scales: scalesBefore,
      by: compute, arena: arena)
    self.sums = sums ?? Sums()
    guard sums == nil else { return }
    compute.fill(track.weightPath.matrix(), with: 0)
    compute.fill(track.quantizedPath.matrix(), with: 0)
  }

  /// Takes the weights after one more step into account.
  ///
  /// - Parameters:
  ///   - averages: what Q2 rounds by.
  ///   - read: what Q2 reads; nil for the weights.
  package func add(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    reading read: AlignedBuffer<Float>? = nil
  ) {
    quantizer.quantize(
      read ?? weights, averages: averages, into: quantized.matrix(), scales: scales,
      units: currentUnits, by: compute, arena: arena)
    compute.trackMovement(
      weights: latent(weights), quantized: quantized, track, quantizer.slices, into: movements)
    var whole = WeightMovement()
    for slices in quantizer.slicesOfEntries {
      var tensor = WeightMovement()
      for slice in slices { tensor += movements[slice] }
      sums.rates.add(tensor, share: 1 / Double(quantizer.entries.count))
      whole += tensor
    }
    sums.wholeRates.add(whole, share: 1)
    sums.steps += 1
    sums.flips += whole.flips
    sums.scaleFlips += compute.countDifferences(scales, scalesBefore)
    swap(&scales, &scalesBefore)
  }

  /// The weights as the quantizer reads them.
  func latent(_ weights: AlignedBuffer<Float>) -> AlignedBuffer<Float> {
    quantizer.latent(weights, memory: latentMemory, by: compute)
  }

  /// Sums over the steps of a window.
  package struct Sums: Sendable, Equatable {
    /// The steps.
    package var steps = 0
    /// Changes of quantized values, and of scales.
    package var flips = 0, scaleFlips = 0
    /// r(W) and r(W_Q): tensor by tensor and averaged, and of all weights as one vector.
    package var rates = Rates(), wholeRates = Rates()

    /// No step.
    package init() {}
  }

  /// ‖Δx‖/‖x‖ from the sums of squares; 0 where nothing moved.
  static func rate(_ change: Double, _ magnitude: Double) -> Double {
    change == 0 ? 0 : (change / magnitude).squareRoot()
  }

  /// Rates of change of the weights and of their quantized values.
  package struct Rates: Sendable, Equatable {
    /// r(W) = ‖W_t − W_{t−1}‖ / ‖W_{t−1}‖, and r(W_Q).
    package var weight = 0.0, quantized = 0.0

    /// None.
    package init() {}

    fileprivate mutating func add(_ movement: WeightMovement, share: Double) {
      weight += share * MovementWindow.rate(movement.change, movement.magnitude)
      quantized +=
        share * MovementWindow.rate(movement.quantizedChange, movement.quantizedMagnitude)
    }

    fileprivate func mean(_ steps: Int) -> Rates {
      var mean = self
      mean.weight /= Double(max(steps, 1))
      mean.quantized /= Double(max(steps, 1))
      return mean
    }
  }

  /// The rates of each tensor, averaged over the tensors (the paper's Appendix A) and the steps.
  package var rates: Rates { sums.rates.mean(sums.steps) }
  /// The rates of all quantized weights as one vector, averaged over the steps.
  package var wholeRates: Rates { sums.wholeRates.mean(sums.steps) }

  /// R_w of the weight at a place of the flat buffer.
  package func ratio(_ place: Int) -> Float { track.ratio(place) }

  /// R_w of the quantized weights at some places of the sorted ones.
  func ratios(sortedPlaces places: [Int]) -> [Float] {
    compute.ratios(track, quantizer.entries.map(\.range), sortedPlaces: places)
  }

  /// How many R_w of each tensor are above a threshold.
  func countRatios(above threshold: Float) -> [Int] {
    quantizer.entries.map { compute.countRatios(track, $0.range, above: threshold) }
  }
}
