import CMXKernels
import MXFormats
import MXRuntime

extension Kernels {
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
  package func fakeQuantize(
    _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: FloatMatrix, firstRow: Int,
    axis: GroupAxis, _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    precondition(firstRow % GroupAxis.groupSize == 0, "a slice that starts at row \(firstRow)")
    precondition(quantizer.rounding != .ema || ema != nil, "ema rounding without moving averages")
    var parameters = tj_quantizer(quantizer, random)
    let kernel = axis == .rows ? table.pointee.quantize_rows : table.pointee.quantize_columns
    return kernel!(x.base, ema, out.base, x.rows, x.columns, firstRow, &parameters)
  }
}

extension ElementFormat {
  /// The format's number in CMXKernels.
  var tag: Int32 { self == .e2m1 ? 0 : 1 }
}

extension tj_quantizer {
  init(_ recipe: QuantizerRecipe, _ random: RandomStream) {
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
