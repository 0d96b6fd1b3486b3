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

  private var rateSums = (weight: 0.0, quantized: 0.0)
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
    (steps, flips, scaleFlips, rateSums) = (0, 0, 0, (0, 0))
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
    let movement = movements.elements.reduce(into: WeightMovement()) { $0 += $1 }
    steps += 1
    flips += movement.flips
    rateSums.weight += Self.rate(movement.change, movement.magnitude)
    rateSums.quantized += Self.rate(movement.quantizedChange, movement.quantizedMagnitude)
    for group in 0..<quantizer.groupCount
    where scales.base[group] != scalesBefore.base[group] { scaleFlips += 1 }
    swap(&scales, &scalesBefore)
  }

  /// ‖Δx‖/‖x‖ from the sums of squares; 0 where nothing moved.
  static func rate(_ change: Double, _ magnitude: Double) -> Double {
    change == 0 ? 0 : (change / magnitude).squareRoot()
  }

  /// r(W) = ‖W_t − W_{t−1}‖ / ‖W_{t−1}‖ over all quantized weights, the mean over the steps.
  public var weightRate: Double { rateSums.weight / Double(max(steps, 1)) }
  /// r(W_Q), likewise.
  public var quantizedRate: Double { rateSums.quantized / Double(max(steps, 1)) }

  /// R_w of the weight at a place of the flat buffer.
  public func ratio(_ place: Int) -> Float {
    quantizedPath.base[place] / (weightPath.base[place] + 1e-8)
  }
}
