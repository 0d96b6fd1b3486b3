import MXLinear
import Runtime

/// Follows weights and their quantized values over the steps of a window (the paper's Appendix A).
///
/// The oscillation ratio of a weight is R_w = Σ|Δw_Q| / (Σ|Δw| + 10⁻⁸): how much further its quantized value went
/// than the weight itself.
public final class MovementWindow {
  /// Whose weights these are.
  public let quantizer: WeightQuantizer
  /// Σ|Δw| and Σ|Δw_Q| of every weight, in the layout of the weights.
  public let weightPath, quantizedPath: AlignedBuffer<Float>
  /// The quantized values after the last step.
  public let quantized: AlignedBuffer<Float>
  /// Their scales' E8M0 bytes, in the order of `WeightQuantizer.quantize`.
  public var currentScales: AlignedBuffer<UInt8> { scalesBefore }
  /// The steps so far.
  public private(set) var steps = 0
  /// Changes of quantized values, and of scales, so far.
  public private(set) var flips = 0, scaleFlips = 0

  /// Of r(W) and r(W_Q): tensor by tensor and averaged, and of all weights as one vector.
  private var rateSums = Rates(), wholeRateSums = Rates()
  private let weightBefore, quantizedBefore: AlignedBuffer<Float>
  private var scales, scalesBefore: AlignedBuffer<UInt8>
  /// What one step moves in each of the quantizer's slices.
  private let movements: AlignedBuffer<WeightMovement>
  private let arena: Arena

  /// Bytes of a window on the weights of a model.
  public static func bytes(_ quantizer: WeightQuantizer) -> Int {
    5 * quantizer.bufferBytes + 2 * quantizer.groupCount
  }

  /// A window that no step has entered yet.
  public init(_ quantizer: WeightQuantizer, arena: Arena) {
    func buffer() -> AlignedBuffer<Float> { AlignedBuffer(count: quantizer.count) }
    self.quantizer = quantizer
    self.arena = arena
    (weightPath, quantizedPath) = (buffer(), buffer())
    (weightBefore, quantizedBefore, quantized) = (buffer(), buffer(), buffer())
    (scales, scalesBefore) = (
      AlignedBuffer(count: quantizer.groupCount), AlignedBuffer(count: quantizer.groupCount)
    )
    movements = AlignedBuffer(count: quantizer.slices.count)
  }

  /// Starts from the weights of now.
  ///
  /// - Parameter keepsPaths: whether the sums go on, as after a resume.
  public func begin(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?, keepsPaths: Bool = false
  ) {
    weightBefore.base.update(from: weights.base, count: quantizer.count)
    quantizer.quantize(
      weights, averages: averages, into: quantizedBefore.base, scales: scalesBefore.base,
      arena: arena)
    (steps, flips, scaleFlips) = (0, 0, 0)
    (rateSums, wholeRateSums) = (Rates(), Rates())
    guard !keepsPaths else { return }
    weightPath.base.update(repeating: 0, count: quantizer.count)
    quantizedPath.base.update(repeating: 0, count: quantizer.count)
  }

  /// Takes the weights after one more step into account.
  public func add(_ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?) {
    quantizer.quantize(
      weights, averages: averages, into: quantized.base, scales: scales.base, arena: arena)
    let slices = quantizer.slices
    parallelFor(slices.count) { index in
      let start = slices[index].lowerBound
      movements.base[index] = Kernels.current.trackMovement(
        w: weights.base + start, q: quantized.base + start, wBefore: weightBefore.base + start,
        qBefore: quantizedBefore.base + start, wPath: weightPath.base + start,
        qPath: quantizedPath.base + start, slices[index].count)
    }
    var whole = WeightMovement()
    for slices in quantizer.slicesOfEntries {
      var tensor = WeightMovement()
      for slice in slices { tensor += movements.base[slice] }
      rateSums.add(tensor, share: 1 / Double(quantizer.entries.count))
      whole += tensor
    }
    wholeRateSums.add(whole, share: 1)
    steps += 1
    flips += whole.flips
    for group in 0..<quantizer.groupCount
    where scales.base[group] != scalesBefore.base[group] { scaleFlips += 1 }
    swap(&scales, &scalesBefore)
  }

  /// ‖Δx‖/‖x‖ from the sums of squares; 0 where nothing moved.
  static func rate(_ change: Double, _ magnitude: Double) -> Double {
    change == 0 ? 0 : (change / magnitude).squareRoot()
  }

  /// Rates of change of the weights and of their quantized values.
  public struct Rates: Sendable, Equatable {
    /// r(W) = ‖W_t − W_{t−1}‖ / ‖W_{t−1}‖, and r(W_Q).
    public internal(set) var weight = 0.0, quantized = 0.0

    fileprivate mutating func add(_ movement: WeightMovement, share: Double) {
      weight += share * MovementWindow.rate(movement.change, movement.magnitude)
      quantized +=
        share * MovementWindow.rate(movement.quantizedChange, movement.quantizedMagnitude)
    }

    fileprivate func mean(_ steps: Int) -> Rates {
      let steps = Double(max(steps, 1))
      return Rates(weight: weight / steps, quantized: quantized / steps)
    }
  }

  /// The rates of each tensor, averaged over the tensors (the paper's Appendix A) and the steps.
  public var rates: Rates { rateSums.mean(steps) }
  /// The rates of all quantized weights as one vector, averaged over the steps.
  public var wholeRates: Rates { wholeRateSums.mean(steps) }

  /// R_w of the weight at a place of the flat buffer.
  public func ratio(_ place: Int) -> Float {
    quantizedPath.base[place] / (weightPath.base[place] + 1e-8)
  }
}
