import MXFormats
import MXRuntime

extension CPU {
  /// Quantizes x into `out`, made for x's shape and the axis.
  ///
  /// - Returns: how many groups hold a NaN or an infinity.
  func pack(
    _ x: FloatMatrix, averages: FloatMatrix?, into out: MXMatrixView, axis: GroupAxis,
    _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages), random: random)
    return countBroken(x.rows, columns: x.columns) { kernels.pack(numbers.rows($0), into: out) }
  }

  /// Quantizes the values of a matrix that is packed along its rows along its columns: the double quantization of Q4
  /// and Q6. No floats reach memory.
  ///
  /// - Returns: how many groups of the result meet a NaN scale of the source.
  func repack(
    _ source: MXMatrixView, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) -> Int {
    countBroken(source.lanes, columns: source.length) { rows in
      kernels.repack(source, rows: rows, into: out, quantizer, random: random)
    }
  }

  /// The values of a matrix that is packed along its rows.
  package func unpack(_ source: MXMatrixView, into values: FloatMatrix) {
    forRanges(source.lanes, length: Self.quantizerRows(columns: source.length)) { rows in
      kernels.unpack(source, rows: rows, into: values.rows(rows))
    }
  }
}
