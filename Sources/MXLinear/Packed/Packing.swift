import MXFormats
import Runtime

/// Quantizes x into `out`, groups along `axis`, in parallel.
///
/// - Parameters:
///   - ema: moving averages in the layout of x, for `Rounding.ema`.
///   - out: made for x's shape and the axis.
/// - Returns: how many groups hold a NaN or an infinity.
package func pack(
  _ x: FloatMatrix, ema: UnsafePointer<Float>? = nil, into out: MXMatrixView, axis: GroupAxis,
  _ quantizer: QuantizerRecipe, random: RandomStream, kernels: Kernels = .current
) -> Int {
  countingBroken { report in
    parallelRanges(x.rows, length: quantizerSliceRows(columns: x.columns)) { rows in
      report(
        kernels.pack(
          x.rows(rows), ema: ema.map { $0 + rows.lowerBound * x.columns }, into: out,
          firstRow: rows.lowerBound, axis: axis, quantizer, random: random))
    }
  }
}

/// Quantizes the values of a matrix that is packed along its rows along its columns, in parallel: the
/// double quantization of Q4 and Q6. No floats reach memory.
///
/// - Returns: how many groups of the result meet a NaN scale of the source.
func repack(
  _ source: MXMatrixView, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
  random: RandomStream, kernels: Kernels = .current
) -> Int {
  countingBroken { report in
    parallelRanges(source.lanes, length: quantizerSliceRows(columns: source.length)) { rows in
      report(kernels.repack(source, rows: rows, into: out, quantizer, random: random))
    }
  }
}

/// How one of the quantizers that read the same matrix writes it.
struct PackingTarget {
  let out: MXMatrixView
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  let random: RandomStream

  /// Quantizes a slice of rows; see `Kernels.pack`.
  fileprivate func pack(_ x: FloatMatrix, firstRow: Int, _ kernels: Kernels) -> Int {
    kernels.pack(x, into: out, firstRow: firstRow, axis: axis, quantizer, random: random)
  }
}

/// Quantizes x by up to two quantizers and adds its column sums to `sums`, reading x from memory once: every
/// strip of 32 rows goes through all of them while it is in the cache.
///
/// - Parameter sums: [columns]; the order of its sums depends on the number of rows alone.
/// - Returns: how many groups hold a NaN or an infinity.
func packOnce(
  _ x: FloatMatrix, targets: (PackingTarget?, PackingTarget?), sums: UnsafeMutablePointer<Float>,
  arena: Arena
) -> Int {
  let kernels = Kernels.current
  let strip = GroupAxis.groupSize
  return countingBroken { report in
    reduceRows(x.rows, into: sums, columns: x.columns, arena: arena) { rows, partial in
      for start in stride(from: rows.lowerBound, to: rows.upperBound, by: strip) {
        let part = x.rows(start..<min(start + strip, rows.upperBound))
        if let target = targets.0 { report(target.pack(part, firstRow: start, kernels)) }
        if let target = targets.1 { report(target.pack(part, firstRow: start, kernels)) }
        kernels.addColumnSums(of: part, to: partial)
      }
    }
  }
}

/// The values of a matrix that is packed along its rows, in parallel.
package func unpack(
  _ source: MXMatrixView, into values: FloatMatrix, kernels: Kernels = .current
) {
  parallelRanges(source.lanes, length: quantizerSliceRows(columns: source.length)) { rows in
    kernels.unpack(source, rows: rows, into: values.rows(rows))
  }
}
