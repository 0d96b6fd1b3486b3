import MXFormats
import Runtime

/// Quantizes and de-quantizes a whole matrix in parallel: out = Q(x); out may be x.
///
/// - Parameters:
///   - x: rows × columns.
///   - ema: moving averages in the layout of x, for `Rounding.ema`.
///   - out: rows × columns, overwritten.
///   - axis: where the groups lie.
///   - quantizer: format, scale rule and rounding.
///   - random: where the random bits of stochastic rounding come from.
///   - kernels: the instruction set; the result is the same for all.
/// - Returns: how many groups hold a NaN or an infinity; their output is NaN.
public func fakeQuantize(
  _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: FloatMatrix, axis: GroupAxis,
  _ quantizer: QuantizerRecipe, random: RandomStream, kernels: Kernels = .current
) -> Int {
  countingBroken { report in
    parallelRanges(x.rows, length: quantizerSliceRows(columns: x.columns)) { range in
      report(
        kernels.fakeQuantize(
          x.rows(range), ema: ema.map { $0 + range.lowerBound * x.columns }, into: out.rows(range),
          firstRow: range.lowerBound, axis: axis, quantizer, random: random))
    }
  }
}
