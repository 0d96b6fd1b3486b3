import CMXKernels
import MXFormats
import MXRuntime

/// Some rows of a matrix, or of some of its columns, and how they are quantized.
package struct QuantizerSlice {
  /// n × m numbers: whole groups of the axis unless they are the matrix's last ones.
  let x: FloatMatrix
  /// Their moving averages in the same layout; needed by `Rounding.ema`.
  let averages: FloatMatrix?
  /// The number of their first row in the whole matrix, a multiple of the format's alignment.
  let firstRow: Int
  /// The same of their first column.
  let firstColumn: Int
  /// Where the groups lie.
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  /// Of the whole matrix, where the format has one.
  let outerScale: Float
  /// The magnitudes that the scales of the whole matrix follow from, where squares share them.
  let squares: FloatMatrix?
  /// Where the random bits of stochastic rounding come from.
  let random: RandomStream

  package init(
    _ x: FloatMatrix, averages: FloatMatrix? = nil, firstRow: Int, firstColumn: Int = 0,
    axis: GroupAxis, _ quantizer: QuantizerRecipe, outerScale: Float = 1,
    squares: FloatMatrix? = nil, random: RandomStream
  ) {
    precondition(
      firstRow.isMultiple(of: quantizer.format.alignment)
        && firstColumn.isMultiple(of: quantizer.format.alignment),
      "a slice that starts at row \(firstRow), column \(firstColumn)")
    precondition(
      quantizer.rounding != .ema || averages != nil, "ema rounding without moving averages")
    (self.x, self.averages) = (x, averages)
    (self.firstRow, self.firstColumn) = (firstRow, firstColumn)
    (self.axis, self.quantizer, self.random) = (axis, quantizer, random)
    (self.outerScale, self.squares) = (outerScale, squares)
  }

  /// Some of the rows, counted from the slice's first one.
  func rows(_ rows: Range<Int>) -> QuantizerSlice {
    QuantizerSlice(
      x.rows(rows), averages: averages?.rows(rows), firstRow: firstRow + rows.lowerBound,
      firstColumn: firstColumn, axis: axis, quantizer, outerScale: outerScale,
      squares: squares, random: random)
  }
}

extension Kernels {
  /// Quantizes and de-quantizes: out = Q(x). `out` may be `x`.
  ///
  /// - Returns: how many groups hold a NaN or an infinity; their output is NaN.
  package func round(_ slice: QuantizerSlice, into out: FloatMatrix) -> Int {
    quantize(slice, into: tj_sink(kind: TJ_VALUES, values: out.base))
  }

  /// Quantizes into the packed matrix `out`, made for the whole matrix and the axis.
  ///
  /// - Returns: how many groups hold a NaN or an infinity; they get scale byte 255 and codes 0.
  func pack(_ slice: QuantizerSlice, into out: MXMatrixView) -> Int {
    quantize(slice, into: tj_sink(out))
  }

  /// What a quantizer loses: elements above the largest magnitude of their group's grid, and elements other than zero
  /// that become zero. Groups with a NaN or an infinity count as zeros.
  func losses(_ slice: QuantizerSlice) -> (saturated: Int, underflowed: Int) {
    var losses = tj_losses()
    _ = withUnsafeMutablePointer(to: &losses) {
      quantize(slice, into: tj_sink(kind: TJ_COUNTS, losses: $0))
    }
    return (losses.saturated, losses.underflowed)
  }

  /// y = x·H, or y += x·H, with a rotation along rows and the signs that it changes; y may be x.
  func rotate(
    _ x: FloatMatrix, by rotation: QuantizerRecipe.Rotation, signs: UInt32, into y: FloatMatrix,
    adds: Bool
  ) {
    var rotation = tj_rotation(length: Int32(rotation.length), signs: signs)
    table.pointee.rotate_rows(x.base, y.base, x.rows, x.columns, &rotation, adds ? 1 : 0)
  }

  /// The same along columns, of rows from a multiple of 32 on.
  func rotateColumns(
    of x: FloatMatrix, by rotation: QuantizerRecipe.Rotation, signs: UInt32, into y: FloatMatrix
  ) {
    var rotation = tj_rotation(length: Int32(rotation.length), signs: signs)
    table.pointee.rotate_columns(x.base, y.base, x.rows, x.columns, &rotation)
  }

  private func quantize(_ slice: QuantizerSlice, into sink: tj_sink) -> Int {
    var numbers = tj_slice(
      x: slice.x.base, ema: slice.averages?.base, squares: slice.squares?.base,
      squares_stride: slice.squares?.columns ?? 0, rows: slice.x.rows, columns: slice.x.columns,
      first_row: slice.firstRow, first_column: slice.firstColumn)
    var quantizer = tj_quantizer(slice.quantizer, slice.outerScale, slice.random)
    var sink = sink
    return slice.axis == .rows
      ? table.pointee.quantize_rows(&numbers, &quantizer, &sink)
      : table.pointee.quantize_columns(&numbers, &quantizer, &sink)
  }

  /// Quantizes a slice of rows of a matrix that is packed along its rows again, along its columns.
  ///
  /// - Parameters:
  ///   - rows: a multiple of 32 at its start.
  ///   - outerScale: that of both matrices.
  /// - Returns: how many groups of the result are broken because one of the source is.
  func repack(
    _ source: MXMatrixView, rows: Range<Int>, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
    outerScale: Float, random: RandomStream
  ) -> Int {
    precondition(
      rows.lowerBound % BlockFormat.longestGroup == 0, "a slice that starts at \(rows)")
    precondition(quantizer.rounding != .ema, "packed matrices have no moving averages")
    precondition(quantizer.format.outerScale != .runs, "runs are not known part by part")
    var codes = tj_packed(source, rows: rows, outerScale: outerScale)
    var parameters = tj_quantizer(quantizer, outerScale, random)
    var sink = tj_sink(out)
    return table.pointee.requantize_columns(&codes, &parameters, &sink)
  }

  /// The values of a slice of rows, from a multiple of 16, of a matrix that is packed along its rows.
  func unpack(
    _ source: MXMatrixView, rows: Range<Int>, outerScale: Float, into values: FloatMatrix
  ) {
    var codes = tj_packed(source, rows: rows, outerScale: outerScale)
    table.pointee.dequantize_rows(&codes, values.base)
  }
}

extension tj_sink {
  /// One of the three, nothing else set.
  fileprivate init(
    kind: tj_sink_kind, values: UnsafeMutablePointer<Float>? = nil,
    losses: UnsafeMutablePointer<tj_losses>? = nil
  ) {
    self.init(
      kind: kind, values: values, codes: nil, scales: nil, blocks: 0, losses: losses)
  }

  fileprivate init(_ out: MXMatrixView) {
    self.init(
      kind: TJ_CODES, values: nil, codes: out.codes, scales: out.scales, blocks: out.blocks,
      losses: nil)
  }
}

extension tj_packed {
  /// Some rows of a matrix that is packed along its rows, from a multiple of 16 on.
  init(_ source: MXMatrixView, rows: Range<Int>, outerScale: Float = 1) {
    self.init(
      codes: source.codes, scales: source.scales, format: source.format.row,
      outer_scale: outerScale, rows: rows.count, columns: source.length,
      first_row: rows.lowerBound)
  }
}

extension tj_quantizer {
  fileprivate init(_ recipe: QuantizerRecipe, _ outerScale: Float, _ random: RandomStream) {
    self.init()
    format = recipe.format.row
    rounding =
      switch recipe.rounding {
      case .nearestEven: 0
      case .nearestAway: 1
      case .stochastic: 2
      case .ema: 3
      }
    fraction_threshold = Int32(recipe.scaleRule.fractionThreshold(recipe.format.elements))
    never_clips = recipe.scaleRule == .truncationFree ? 1 : 0
    outer_scale = outerScale
    tries_four = recipe.triesFour ? 1 : 0
    rotates = recipe.rotatesWhileReading == true ? 1 : 0
    key = (random.key[0], random.key[1])
    stream = (random.stream[0], random.stream[1])
  }
}
