import MXFormats
import Runtime
import Synchronization

/// A tensor that was to be quantized holds a NaN or an infinity.
public struct NonFiniteTensor: ReportableError, Equatable {
  /// The tensor: a layer's name and which of its operands.
  public let tensor: String
  /// The training step, once the trainer has filled it in.
  public var step: Int?

  /// An error about a tensor.
  public init(tensor: String, step: Int? = nil) {
    self.tensor = tensor
    self.step = step
  }

  /// Arithmetic.
  public var category: ErrorCategory { .arithmetic }
  /// One line.
  public var description: String {
    "\(tensor) holds a NaN or an infinity" + (step.map { " at step \($0)" } ?? "")
      + "; try a lower learning rate, a longer warm-up, or optimizer.clip_gradient_norm"
  }
}

/// Where a quantization happens: which layer of which step of which run.
public struct StepContext: Sendable {
  /// The run's seed.
  public var seed: UInt64
  /// The training step.
  public var step: Int

  /// A step of a run.
  public init(seed: UInt64 = 0, step: Int = 0) {
    self.seed = seed
    self.step = step
  }

  /// The random bits of one operand of a layer.
  func random(_ operand: Operand, layer: Int) -> RandomStream {
    let purpose: RandomPurpose =
      switch operand {
      case .q1: .q1
      case .q2: .q2
      case .q3: .q3
      case .q4: .q4
      case .q5: .q5
      case .q6: .q6
      }
    return RandomStream(seed: seed, purpose: purpose, step: step, layer: layer)
  }
}

/// Quantizes and de-quantizes a whole matrix in parallel: out = Q(x); out may be x.
///
/// - Parameters:
///   - x: rows × columns.
///   - ema: moving averages in the layout of x, for `Rounding.ema`.
/// - Throws: `NonFiniteTensor` with the name that `tensor` gives.
public func fakeQuantize(
  _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: FloatMatrix, axis: GroupAxis,
  _ quantizer: QuantizerRecipe, random: RandomStream, tensor: @autoclosure () -> String
) throws {
  let broken = Atomic<Int>(0)
  // 32 rows hold whole groups in either direction; enough of them that a slice is worth a hand-over.
  let length = 32 * max(1, 16_384 / (32 * max(x.columns, 1)))
  let kernels = Kernels.current
  parallelRanges(x.rows, length: length) { range in
    let count = kernels.fakeQuantize(
      x.rows(range), ema: ema.map { $0 + range.lowerBound * x.columns }, into: out.rows(range),
      firstRow: range.lowerBound, axis: axis, quantizer, random: random)
    if count > 0 { broken.add(count, ordering: .relaxed) }
  }
  if broken.load(ordering: .relaxed) > 0 { throw NonFiniteTensor(tensor: tensor()) }
}
