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

  /// Whether the compiler optimized the kernels; a debug build does not.
  public static var isOptimized: Bool { tj_is_optimized() != 0 }

  // MARK: - Quantizers

  /// Quantizes and de-quantizes a slice of rows: out = Q(x).
  ///
  /// - Parameters:
  ///   - x: n × columns, whole groups of the axis unless it is the matrix's last slice.
  ///   - ema: the moving averages in the same layout; needed by `Rounding.ema`.
  ///   - out: as `x`, and may be `x`.
  ///   - firstRow: the number of the slice's first row in the whole matrix, a multiple of 32.
  ///   - axis: where the groups lie.
  ///   - quantizer: format, scale rule and rounding.
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

  // MARK: - Packed matrices

  /// Quantizes a slice of rows of x into the packed matrix `out`, groups along `axis`.
  ///
  /// - Parameters:
  ///   - x: n × columns, whole groups of the axis unless it is the matrix's last slice.
  ///   - firstRow: the number of the slice's first row in the whole matrix, a multiple of 32.
  /// - Returns: how many groups hold a NaN or an infinity; they get scale byte 255 and codes 0.
  func pack(
    _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: MXMatrixView, firstRow: Int,
    axis: GroupAxis, _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    precondition(firstRow % GroupAxis.groupSize == 0, "a slice that starts at row \(firstRow)")
    precondition(quantizer.rounding != .ema || ema != nil, "ema rounding without moving averages")
    var parameters = tj_quantizer(quantizer, random)
    switch axis {
    case .rows:
      return table.pointee.pack_rows(
        x.base, ema, x.rows, x.columns, firstRow, &parameters, out.codes, out.scales)
    case .columns:
      return table.pointee.pack_columns(
        x.base, ema, x.rows, x.columns, firstRow, out.groups, &parameters, out.codes, out.scales)
    }
  }

  /// Quantizes a slice of rows of a matrix that is packed along its rows again, along its columns.
  ///
  /// - Parameter rows: a multiple of 32 at its start.
  /// - Returns: how many groups of the result are broken because one of the source is.
  func repack(
    _ source: MXMatrixView, rows: Range<Int>, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) -> Int {
    precondition(rows.lowerBound % GroupAxis.groupSize == 0, "a slice that starts at \(rows)")
    precondition(quantizer.rounding != .ema, "packed matrices have no moving averages")
    var parameters = tj_quantizer(quantizer, random)
    return table.pointee.repack_columns(
      source.codes, source.scales, source.format.tag, rows.count, source.length, rows.lowerBound,
      out.groups, &parameters, out.codes, out.scales)
  }

  /// The values of a slice of rows, from a multiple of 16, of a matrix that is packed along its rows.
  func unpack(_ source: MXMatrixView, rows: Range<Int>, into values: FloatMatrix) {
    table.pointee.unpack_rows(
      source.codes, source.scales, source.format.tag, rows.count, source.length, rows.lowerBound,
      values.base)
  }

  /// Bytes that one group of a panel takes when it is expanded for `multiply`.
  static let leftGroupBytes = MemoryLayout<tj_left_group>.stride
  /// The same on the right side.
  static let rightGroupBytes = MemoryLayout<tj_right_group>.stride

  /// Expands some groups of a panel as a right operand of `multiply`.
  func expandRight(
    _ matrix: MXMatrixView, panel: Int, groups: Range<Int>, into out: UnsafeMutableRawPointer
  ) {
    let at = panel * matrix.groups + groups.lowerBound
    table.pointee.expand_right(
      matrix.codes + at * MXMatrixView.blockBytes, matrix.scales + at * MXMatrixView.panelLanes,
      groups.count, matrix.format.tag, out.assumingMemoryBound(to: tj_right_group.self))
  }

  /// The product of one panel of `left` with right panels that follow each other in `right`, over some
  /// groups: c = left · rightᵀ, written to the panel's rows of c from its column `column` on.
  ///
  /// - Parameters:
  ///   - expansion: scratch for the left panel.
  ///   - right: what `expandRight` made of ⌈columns/16⌉ panels over the same groups.
  ///   - columns: how many columns of c are written.
  ///   - bias: added at the end; its first number belongs to `column`.
  ///   - resumes: whether the sums go on from what c holds, or start at +0.
  func multiply(
    _ left: MXMatrixView, panel: Int, groups: Range<Int>, expansion: UnsafeMutableRawPointer,
    right: UnsafeRawPointer, rightFormat: ElementFormat, into c: FloatMatrix, column: Int,
    columns: Int, bias: UnsafePointer<Float>?, resumes: Bool
  ) {
    let at = panel * left.groups + groups.lowerBound
    let expanded = expansion.assumingMemoryBound(to: tj_left_group.self)
    let isHuge = table.pointee.expand_left(
      left.codes + at * MXMatrixView.blockBytes, left.scales + at * MXMatrixView.panelLanes,
      groups.count, left.format.tag, rightFormat.tag, expanded)
    let row = panel * MXMatrixView.panelLanes
    var product = tj_product(
      c: c.row(row) + column, stride: c.columns, rows: min(MXMatrixView.panelLanes, c.rows - row),
      columns: columns, bias: bias, resumes: resumes ? 1 : 0, is_huge: isHuge,
      left_format: left.format.tag, right_format: rightFormat.tag)
    table.pointee.multiply(
      expanded, right.assumingMemoryBound(to: tj_right_group.self), groups.count, &product)
  }

  /// Runs the multiply-add instructions of the product's tile on registers alone.
  ///
  /// - Returns: how many operations that was (a multiplication or an addition each), to be divided by the
  ///   time it took: the machine's dot-product peak on one thread.
  public func dotProductPeak(iterations: Int) -> Double {
    table.pointee.dot_product_peak(iterations)
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

  /// One head of attention: q, k and v are T × K, `stride` numbers from token to token.
  public struct AttentionHead {
    /// Queries, keys, values.
    public let q, k, v: UnsafePointer<Float>
    /// Numbers between two tokens of q, k and v, and of their gradients.
    public let stride: Int
    /// Numbers between two tokens of the output.
    public let outputStride: Int
    /// T.
    public let tokens: Int
    /// K.
    public let width: Int
    /// Factor on the scores.
    public let scale: Float
    /// T × T numbers added to the scaled scores, and more of them; nil for none.
    public var bias, mask: UnsafePointer<Float>?
    /// Where the backward pass adds the gradient of the bias.
    public var dBias: UnsafeMutablePointer<Float>?

    /// A view on a head's queries, keys and values.
    public init(
      q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>, stride: Int,
      outputStride: Int, tokens: Int, width: Int, scale: Float
    ) {
      (self.q, self.k, self.v) = (q, k, v)
      (self.stride, self.outputStride) = (stride, outputStride)
      (self.tokens, self.width, self.scale) = (tokens, width, scale)
    }

    fileprivate var parameters: tj_attention {
      tj_attention(
        q: q, k: k, v: v, stride: stride, output_stride: outputStride, tokens: tokens, width: width,
        scale: scale, bias: bias, mask: mask, d_bias: dBias)
    }
  }

  /// o = softmax(scale · q·kᵀ + bias + mask)·v of one head.
  ///
  /// - Parameters:
  ///   - head: q, k and v, and how they lie.
  ///   - o: T × K, `outputStride` numbers from token to token, overwritten.
  ///   - scratch: `attentionScratch` numbers.
  public func attention(
    _ head: AttentionHead, o: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    var parameters = head.parameters
    table.pointee.attention(&parameters, o, scratch)
  }

  /// The gradients of q, k and v, given that of o. The T × T probabilities are computed again.
  public func attentionBackward(
    _ head: AttentionHead, dOutput: UnsafePointer<Float>, dq: UnsafeMutablePointer<Float>,
    dk: UnsafeMutablePointer<Float>, dv: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    var parameters = head.parameters
    table.pointee.attention_backward(&parameters, dOutput, dq, dk, dv, scratch)
  }

  /// Numbers of scratch that attention of T tokens and K numbers a head takes.
  public func attentionScratch(tokens: Int, width: Int) -> Int {
    table.pointee.attention_scratch(tokens, width)
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
    var step = tj_adamw(step)
    table.pointee.adamw(&step, gradient, weight, m, v, n)
  }

  // MARK: - Oscillation

  /// average ← β·average + (1 − β)·w on n elements (the paper's Algorithm 1).
  public func movingAverage(
    beta: Float, of w: UnsafePointer<Float>, into average: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.moving_average(beta, w, average, n)
  }

  /// One AdamW step on n elements, of which each adds up as many gradients as its period says, and then
  /// takes one step on their mean with the learning rate times their number (the paper's Algorithm 2).
  ///
  /// - Parameters:
  ///   - step: rates, decays and the step's number.
  ///   - period: how many gradients an element waits for.
  ///   - sum: the gradients that an element waits with, added up.
  ///   - count: how many they are.
  ///   - gradient: of this step.
  ///   - weight: what is trained.
  ///   - m: the first moment.
  ///   - v: the second moment.
  ///   - n: elements.
  public func rampingAdamW(
    _ step: AdamWCoefficients, period: UnsafePointer<Float>, sum: UnsafeMutablePointer<Float>,
    count: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    weight: UnsafeMutablePointer<Float>, m: UnsafeMutablePointer<Float>,
    v: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    var step = tj_adamw(step)
    var ramping = tj_ramping(period: period, sum: sum, count: count)
    table.pointee.ramping_adamw(&step, &ramping, gradient, weight, m, v, n)
  }

  /// y += scale · (a − b) on n elements.
  public func addScaledDifference(
    to y: UnsafeMutablePointer<Float>, scale: Float, _ a: UnsafePointer<Float>,
    _ b: UnsafePointer<Float>, _ n: Int
  ) {
    table.pointee.add_scaled_difference(y, scale, a, b, n)
  }

  /// Takes one step of n weights w with quantized values q into account: adds |change| to the paths, and makes
  /// the values now the values before.
  ///
  /// - Returns: the step's movement, summed over the elements.
  public func trackMovement(
    w: UnsafePointer<Float>, q: UnsafePointer<Float>, wBefore: UnsafeMutablePointer<Float>,
    qBefore: UnsafeMutablePointer<Float>, wPath: UnsafeMutablePointer<Float>,
    qPath: UnsafeMutablePointer<Float>, _ n: Int
  ) -> WeightMovement {
    var track = tj_track(w_before: wBefore, q_before: qBefore, w_path: wPath, q_path: qPath)
    var movement = tj_movement()
    table.pointee.track_movement(w, q, &track, &movement, n)
    return WeightMovement(movement)
  }

  /// What a quantizer loses of a slice of rows; the arguments are those of `fakeQuantize`.
  ///
  /// - Returns: elements above the largest magnitude of their group's grid, and elements other than zero that
  ///   become zero. Groups with a NaN or an infinity count as zeros.
  public func countLosses(
    _ x: FloatMatrix, ema: UnsafePointer<Float>?, firstRow: Int, axis: GroupAxis,
    _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> (saturated: Int, underflowed: Int) {
    precondition(firstRow % GroupAxis.groupSize == 0, "a slice that starts at row \(firstRow)")
    precondition(quantizer.rounding != .ema || ema != nil, "ema rounding without moving averages")
    var parameters = tj_quantizer(quantizer, random)
    var losses = tj_losses()
    table.pointee.count_losses(
      x.base, ema, x.rows, x.columns, firstRow, axis == .columns ? 1 : 0, &parameters, &losses)
    return (losses.saturated, losses.underflowed)
  }
}

/// How far weights and their quantized values moved in one step: sums over the elements of a slice, in double
/// precision; squares, and so the weights' unit squared, but for the count of flips. From them come r(W), r(W_Q) and the flips of the paper's Appendix A.
public struct WeightMovement: BitwiseCopyable, Sendable {
  /// Σ(Δw)² and Σw² before the step.
  public var change = 0.0, magnitude = 0.0
  /// The same of the quantized values.
  public var quantizedChange = 0.0, quantizedMagnitude = 0.0
  /// Elements whose quantized value has changed.
  public var flips = 0

  /// No movement.
  public init() {}

  fileprivate init(_ movement: tj_movement) {
    (change, magnitude) = (movement.change, movement.magnitude)
    (quantizedChange, quantizedMagnitude) = (movement.q_change, movement.q_magnitude)
    flips = Int(movement.flips)
  }

  /// Adds the movement of other elements.
  public static func += (a: inout WeightMovement, b: WeightMovement) {
    a.change += b.change
    a.magnitude += b.magnitude
    a.quantizedChange += b.quantizedChange
    a.quantizedMagnitude += b.quantizedMagnitude
    a.flips += b.flips
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

extension ElementFormat {
  /// The format's number in CMXKernels.
  fileprivate var tag: Int32 { self == .e2m1 ? 0 : 1 }
}

extension tj_adamw {
  fileprivate init(_ step: AdamWCoefficients) {
    self.init(
      learning_rate: step.learningRate, beta1: step.beta1, beta2: step.beta2,
      epsilon: step.epsilon, decay: step.learningRate * step.weightDecay,
      correction1: step.correction1, correction2: step.correction2,
      gradient_scale: step.gradientScale)
  }
}

extension tj_quantizer {
  fileprivate init(_ recipe: QuantizerRecipe, _ random: RandomStream) {
    self.init()
    format = recipe.format.tag
    rounding =
      switch recipe.rounding {
      case .nearestEven: 0
      case .nearestAway: 1
      case .stochastic: 2
      case .ema: 3
      }
    maximum_exponent = Int32(recipe.format.maximumExponent)
    fraction_threshold = Int32(recipe.scaleRule.fractionThreshold(recipe.format))
    key = (random.key[0], random.key[1])
    stream = (random.stream[0], random.stream[1])
  }
}
