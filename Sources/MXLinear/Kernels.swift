// The only Swift file that knows CMXKernels.
import CMXKernels
import MXFormats
import Runtime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The SIMD kernels of one instruction set. All sets give the same bits.
///
/// Every kernel works on the slice it is given, on the calling thread; callers slice with `parallelFor`.
public struct Kernels: Sendable {
  // Sound: the tables are constants of the C library.
  private nonisolated(unsafe) let table: UnsafePointer<tj_kernels>

  /// The instruction set's name, as `TETRAJET_ISA` takes it.
  public var name: String { String(cString: table.pointee.name) }

  /// The instruction sets of this build that this processor has, best first.
  public static let available: [Kernels] = {
    var result: [Kernels] = []
    while let table = tj_kernels_at(result.count) { result.append(Kernels(table: table)) }
    return result.filter { $0.table.pointee.is_available() != 0 }
  }()

  /// The set that `TETRAJET_ISA` names, or the best one there is.
  ///
  /// - Throws: `UnknownInstructionSet` where the environment names one that is not available.
  public static func chosen() throws -> Kernels {
    guard let forced = getenv("TETRAJET_ISA").map({ String(cString: $0) }), !forced.isEmpty else {
      return available[0]
    }
    guard let kernels = available.first(where: { $0.name == forced }) else {
      throw UnknownInstructionSet(name: forced, available: available.map(\.name))
    }
    return kernels
  }

  /// The set this process uses. A program should call `chosen` once first, to report a wrong
  /// `TETRAJET_ISA` as an error.
  public static let current: Kernels = {
    do { return try chosen() } catch { preconditionFailure("\(error)") }
  }()

  // MARK: - Quantizers

  /// Quantizes and de-quantizes a slice of rows: out = Q(x).
  ///
  /// - Parameters:
  ///   - x: n × columns, whole groups of the axis unless it is the matrix's last slice.
  ///   - ema: the moving averages in the same layout; needed by `Rounding.ema`.
  ///   - out: as `x`, and may be `x`.
  ///   - firstRow: the number of the slice's first row in the whole matrix, a multiple of 32.
  ///   - random: where the random bits of stochastic rounding come from.
  /// - Returns: how many groups hold a NaN or an infinity; their output is NaN.
  public func fakeQuantize(
    _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: FloatMatrix, firstRow: Int,
    axis: GroupAxis, _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    precondition(firstRow % GroupAxis.groupSize == 0, "a slice that starts at row \(firstRow)")
    precondition(quantizer.rounding != .ema || ema != nil, "ema rounding without moving averages")
    var parameters = tj_quantizer(quantizer, random)
    let kernel = axis == .rows ? table.pointee.quantize_rows : table.pointee.quantize_columns
    return kernel!(x.base, ema, out.base, x.rows, x.columns, firstRow, &parameters)
  }

  // MARK: - Layers: shapes and formulas stand in CMXKernels.h

  /// y = x·Φ(x) on n elements.
  public func gelu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ n: Int) {
    table.pointee.gelu(x, y, n)
  }

  /// dx = dy·(Φ(x) + x·φ(x)) on n elements; dx may be dy.
  public func geluBackward(
    _ x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.gelu_backward(x, dy, dx, n)
  }

  /// y = (x − mean)·rstd·weight + bias along rows; `mean` and `rstd` get one number a row.
  public func layerNorm(
    _ x: FloatMatrix, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float,
    y: FloatMatrix, mean: UnsafeMutablePointer<Float>, rstd: UnsafeMutablePointer<Float>
  ) {
    table.pointee.layer_norm(
      x.base, weight, bias, epsilon, y.base, mean, rstd, x.rows, x.columns)
  }

  /// dx, dweight and dbias each += their gradient.
  public func layerNormBackward(
    _ x: FloatMatrix, weight: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    rstd: UnsafePointer<Float>, dy: FloatMatrix, dx: FloatMatrix,
    dweight: UnsafeMutablePointer<Float>, dbias: UnsafeMutablePointer<Float>
  ) {
    table.pointee.layer_norm_backward(
      x.base, weight, mean, rstd, dy.base, dx.base, dweight, dbias, x.rows, x.columns)
  }

  /// Each row becomes softmax(scale · row), in place.
  public func softmax(_ s: FloatMatrix, scale: Float) {
    table.pointee.softmax(s.base, scale, s.rows, s.columns)
  }

  /// In place, dp becomes the gradient by s of p = softmax(scale · s).
  public func softmaxBackward(p: FloatMatrix, dp: FloatMatrix, scale: Float) {
    table.pointee.softmax_backward(p.base, dp.base, scale, p.rows, p.columns)
  }

  /// Every row of y becomes `row`.
  public func broadcast(_ row: UnsafePointer<Float>, into y: FloatMatrix) {
    table.pointee.broadcast_row(row, y.base, y.rows, y.columns)
  }

  /// sums += the sums over the rows of x.
  public func addColumnSums(of x: FloatMatrix, to sums: UnsafeMutablePointer<Float>) {
    table.pointee.add_column_sums(x.base, sums, x.rows, x.columns)
  }

  /// y = x + scale · branch on n elements; y may be x.
  public func addScaled(
    _ x: UnsafePointer<Float>, scale: Float, branch: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.add_scaled(x, scale, branch, y, n)
  }

  /// Σx² over n elements.
  public func sumOfSquares(_ x: UnsafePointer<Float>, _ n: Int) -> Double {
    table.pointee.sum_of_squares(x, n)
  }

  /// One AdamW step on n elements.
  public func adamW(
    _ step: AdamWCoefficients, gradient: UnsafePointer<Float>, weight: UnsafeMutablePointer<Float>,
    m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    var step = tj_adamw(
      learning_rate: step.learningRate, beta1: step.beta1, beta2: step.beta2,
      epsilon: step.epsilon, decay: step.learningRate * step.weightDecay,
      correction1: step.correction1, correction2: step.correction2,
      gradient_scale: step.gradientScale)
    table.pointee.adamw(&step, gradient, weight, m, v, n)
  }
}

/// The numbers of one AdamW step, the same for every element of a parameter group.
public struct AdamWCoefficients: Sendable {
  /// Learning rate of this step.
  public var learningRate: Float
  /// Decay of the first moment.
  public var beta1: Float
  /// Decay of the second moment.
  public var beta2: Float
  /// Added to the root of the second moment.
  public var epsilon: Float
  /// Decoupled weight decay; 0 for parameters that do not decay.
  public var weightDecay: Float
  /// 1/(1 − β1ᵗ).
  public var correction1: Float
  /// 1/√(1 − β2ᵗ).
  public var correction2: Float
  /// Factor on the gradient; 1 unless it is clipped.
  public var gradientScale: Float

  /// The coefficients of step `step` = 1, 2, …
  public init(
    learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, step: Int,
    gradientScale: Float
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.gradientScale = gradientScale
    correction1 = Float(1 / (1 - pow(Double(beta1), Double(step))))
    correction2 = Float(1 / (1 - pow(Double(beta2), Double(step))).squareRoot())
  }
}

/// `TETRAJET_ISA` names an instruction set that this processor or build does not have.
public struct UnknownInstructionSet: ReportableError, Equatable {
  /// What was asked for.
  public let name: String
  /// What there is.
  public let available: [String]
  /// Usage.
  public var category: ErrorCategory { .usage }
  /// One line.
  public var description: String {
    "TETRAJET_ISA is '\(name)', which is not available here; choose from "
      + available.joined(separator: ", ")
  }
}

extension tj_quantizer {
  init(_ recipe: QuantizerRecipe, _ random: RandomStream) {
    self.init()
    format = recipe.format == .e2m1 ? 0 : 1
    rounding =
      switch recipe.rounding {
      case .nearestEven: 0
      case .nearestAway: 1
      case .stochastic: 2
      case .ema: 3
      }
    maximum_exponent = Int32(recipe.format.maximumExponent)
    // The largest fraction of M that does not yet raise the exponent.
    fraction_threshold =
      switch (recipe.scaleRule, recipe.format) {
      case (.truncationFree, .e2m1): 0x40_0000
      case (.truncationFree, .e3m0), (.ceil, _): 0
      case (.even, .e2m1): 0x5F_FFFF
      case (.even, .e3m0): 0x3F_FFFF
      case (.floor, _): 0x7F_FFFF
      }
    key = (random.key[0], random.key[1])
    stream = (random.stream[0], random.stream[1])
  }
}
