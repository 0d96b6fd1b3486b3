import CMXKernels
import MXFormats
import MXRuntime

extension Kernels {
  /// Bytes that one block of a panel takes when it is expanded for `multiply`.
  func leftBlockBytes(_ format: BlockFormat) -> Int {
    table.pointee.left_block_bytes(format.row)
  }
  /// The same on the right side.
  func rightBlockBytes(_ format: BlockFormat) -> Int {
    table.pointee.right_block_bytes(format.row)
  }

  /// Expands some blocks of a panel as a right operand of `multiply`.
  ///
  /// - Returns: what scales they have, for that.
  func expandRight(
    _ matrix: MXMatrixView, panel: Int, blocks: Range<Int>, into out: UnsafeMutableRawPointer
  ) -> Int32 {
    let at = panel * matrix.blocks + blocks.lowerBound
    return table.pointee.expand_right(
      matrix.codes + at * matrix.blockBytes, matrix.scales + at * matrix.scaleBytes,
      blocks.count, matrix.format.row, out)
  }

  /// The product of one panel of `left` with right panels that follow each other in `right`, over some
  /// blocks: c = left · rightᵀ, written to the rows of the panel.
  ///
  /// - Parameters:
  ///   - expansion: scratch for the left panel.
  ///   - right: what `expandRight` made of ⌈columns/16⌉ panels over the same blocks.
  ///   - rightScales: the largest of what it returned.
  ///   - c: where the panel's first row goes.
  ///   - stride: numbers from there to the next row.
  ///   - rows: how many rows of the panel are written.
  ///   - columns: how many numbers of each.
  ///   - bias: added at the end; nil for none.
  ///   - resumes: whether the sums go on from what c holds, or start at +0.
  func multiply(
    _ left: MXMatrixView, panel: Int, blocks: Range<Int>, expansion: UnsafeMutableRawPointer,
    right: UnsafeRawPointer, rightScales: Int32, rightFormat: BlockFormat,
    into c: UnsafeMutablePointer<Float>, stride: Int, rows: Int, columns: Int,
    bias: UnsafePointer<Float>?, resumes: Bool
  ) {
    let at = panel * left.blocks + blocks.lowerBound
    let leftScales = table.pointee.expand_left(
      left.codes + at * left.blockBytes, left.scales + at * left.scaleBytes,
      blocks.count, left.format.row, rightFormat.row, expansion)
    var product = tj_product(
      c: c, stride: stride, rows: rows, columns: columns, bias: bias, resumes: resumes ? 1 : 0,
      scales: max(leftScales, rightScales), left_format: left.format.row,
      right_format: rightFormat.row)
    table.pointee.multiply(expansion, right, blocks.count, &product)
  }

  /// An operand of a product in single precision.
  struct FloatOperand {
    private let base: UnsafePointer<Float>
    private let lane, step: Int

    /// A matrix, contracted along an axis.
    init(_ x: FloatMatrix, _ axis: GroupAxis) {
      base = UnsafePointer(x.base)
      (lane, step) = axis == .rows ? (x.columns, 1) : (1, x.columns)
    }

    /// Its lanes from one on.
    func from(_ first: Int) -> tj_floats {
      tj_floats(x: base + first * lane, lane: lane, step: step)
    }
  }

  /// Numbers of scratch that a product of so many columns takes.
  func floatScratch(columns: Int) -> Int { table.pointee.float_scratch(columns) }

  /// c = left · rightᵀ in single precision over `terms` terms, and the bias at the end.
  func multiply(
    _ left: tj_floats, _ right: tj_floats, terms: Int, into c: UnsafeMutablePointer<Float>,
    stride: Int, rows: Int, columns: Int, bias: UnsafePointer<Float>?,
    scratch: UnsafeMutablePointer<Float>
  ) {
    var (left, right) = (left, right)
    var product = tj_float_product(
      c: c, stride: stride, rows: rows, columns: columns, bias: bias)
    table.pointee.multiply_floats(&left, &right, terms, &product, scratch)
  }

  /// The same where the right operand's lanes are rows of codes from row `first`, a multiple of 16, on: what the values of
  /// its codes give, without an outer scale, which never lie in memory as a whole.
  func multiply(
    _ left: tj_floats, _ right: MXMatrixView, from first: Int,
    into c: UnsafeMutablePointer<Float>, stride: Int, rows: Int, columns: Int,
    bias: UnsafePointer<Float>?, scratch: UnsafeMutablePointer<Float>
  ) {
    var (left, right) = (left, tj_packed(right, rows: first..<first + columns))
    var product = tj_float_product(
      c: c, stride: stride, rows: rows, columns: columns, bias: bias)
    table.pointee.multiply_floats_with_codes(&left, &right, &product, scratch)
  }

  /// Runs the multiply-add instructions of a product's tile on registers alone: that of 4-bit codes, or that of numbers in
  /// single precision.
  ///
  /// - Returns: how many operations that was (a multiplication or an addition each), to be divided by the
  ///   time it took: the machine's peak on one thread.
  package func peak(ofCodes: Bool, iterations: Int) -> Double {
    (ofCodes ? table.pointee.dot_product_peak : table.pointee.float_peak)(iterations)
  }
}
