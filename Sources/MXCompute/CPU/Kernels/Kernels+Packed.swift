import CMXKernels
import MXFormats
import MXRuntime

extension Kernels {
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
  package func dotProductPeak(iterations: Int) -> Double {
    table.pointee.dot_product_peak(iterations)
  }
}
