import MXFormats
import MXRuntime

extension CPU {
  /// Quantizes numbers into `out`, made for their shape and axis.
  ///
  /// - Returns: how many groups hold a NaN or an infinity.
  func pack(_ numbers: QuantizerSlice, into out: MXMatrixView) -> Int {
    countBroken(numbers.x.rows, columns: numbers.x.columns, numbers.quantizer.format) {
      kernels.pack(numbers.rows($0), into: out)
    }
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
    countBroken(source.lanes, columns: source.length, quantizer.format) { rows in
      kernels.repack(
        source, rows: rows, into: out, quantizer, outerScale: outerScale, random: random)
    }
  }

  /// The values of a matrix that is packed along its rows.
  package func unpack(
    _ source: MXMatrixView, outerScale: Float = 1, into values: FloatMatrix
  ) {
    let length = Self.quantizerRows(columns: source.length, source.format)
    forRanges(source.lanes, length: length) { rows in
      kernels.unpack(source, rows: rows, outerScale: outerScale, into: values.rows(rows))
    }
  }
}
