import MXFormats
import MXRuntime

extension CPU {
  /// Quantizes x into `out`, made for x's shape and the axis.
  ///
  /// - Returns: how many groups hold a NaN or an infinity.
  func pack(
    _ x: FloatMatrix, averages: FloatMatrix?, into out: MXMatrixView, axis: GroupAxis,
    _ quantizer: QuantizerRecipe, outerScale: Float = 1, random: RandomStream
  ) -> Int {
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages),
      outerScale: outerScale, random: random)
    return countBroken(x.rows, columns: x.columns) { kernels.pack(numbers.rows($0), into: out) }
  }

  /// Quantizes the values of a matrix that is packed along its rows along its columns: the double quantization of Q4
  /// and Q6. No floats reach memory.
  ///
  /// - Parameter outerScale: that of both, where their format has one.
  /// - Returns: how many groups of the result meet a NaN scale of the source.
  func repack(
    _ source: MXMatrixView, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
    outerScale: Float = 1, random: RandomStream
  ) -> Int {
    countBroken(source.lanes, columns: source.length) { rows in
      kernels.repack(
        source, rows: rows, into: out, quantizer, outerScale: outerScale, random: random)
    }
  }

  /// The values of a matrix that is packed along its rows.
  package func unpack(
    _ source: MXMatrixView, outerScale: Float = 1, into values: FloatMatrix
  ) {
    forRanges(source.lanes, length: Self.quantizerRows(columns: source.length)) { rows in
      kernels.unpack(source, rows: rows, outerScale: outerScale, into: values.rows(rows))
    }
  }
}
