import MXFormats
import MXRuntime

/// A matrix of real 4-bit or 6-bit numbers: E2M1, E3M0 or E2M3 codes and an E8M0 scale a group, in memory of its own,
/// ready to be multiplied. 4.25 bits an element, or 8.25 of E2M3, whose codes take a byte each; 5.5 of `nvfp4Runs`.
///
/// It has one owner and cannot be copied by accident. Quantizers and products run on the threads of a `CPU`, and agree to
/// the bit with `Quantizer` and `referenceProduct`.
///
///     let cpu = try CPU()
///     let a = try MXMatrix(quantizing: x.span, rows: n, columns: k, on: cpu)
///     let b = try MXMatrix(quantizing: w.span, rows: c, columns: k, on: cpu)
///     let y = a.product(b, on: cpu)  // x·wᵀ, n × c
public struct MXMatrix: ~Copyable {
  private let buffer: AlignedBuffer<UInt8>
  /// The codes and scales, valid as long as the matrix.
  package let view: MXMatrixView
  /// Along which axis of the original matrix the groups lie.
  public let axis: GroupAxis

  /// What the groups lie along: rows, or columns. The product has one row, or column, a lane.
  public var lanes: Int { view.lanes }
  /// Rows of the original matrix.
  public var rows: Int { axis == .rows ? view.lanes : view.length }
  /// Columns of the original matrix.
  public var columns: Int { axis == .rows ? view.length : view.lanes }
  /// The format of codes, groups and scales.
  public var format: BlockFormat { view.format }
  /// Bytes of codes and scales, with what fills up the last panel and group.
  public var byteCount: Int { buffer.count }

  /// A matrix of zeros: codes 0 under scale bytes 0.
  ///
  /// - Precondition: no extent is negative; the format can be packed (`BlockFormat.isPackable`), and has no scale of the whole
  ///   matrix, as `int4` and `nvfp4` have, for which there is no place here. (That of each 128 has: `nvfp4Runs`.)
  /// - Parameters:
  ///   - rows: extent of axis 0; 0 makes an empty matrix.
  ///   - columns: extent of axis 1; 0 makes an empty matrix.
  ///   - axis: where the groups lie: along the contraction of the product to come (the paper's Eq. 3–5).
  ///   - format: of codes, groups and scales; MXFP4 by default.
  public init(rows: Int, columns: Int, axis: GroupAxis, format: BlockFormat = .mxfp4) {
    precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns)")
    precondition(
      format.outerScale != .matrix && format.isPackable, "no packed matrices of \(format.rawValue)")
    let (lanes, length) = axis == .rows ? (rows, columns) : (columns, rows)
    buffer = AlignedBuffer(
      count: MXMatrixView.byteCount(lanes: lanes, length: length, format: format))
    view = MXMatrixView(buffer.base, lanes: lanes, length: length, format: format)
    self.axis = axis
  }

  /// Quantizes `rows` × `columns` numbers, each to the nearest.
  ///
  /// - Precondition: as of a matrix of zeros.
  /// - Parameters:
  ///   - values: row-major.
  ///   - rows: of the matrix.
  ///   - columns: of the matrix.
  ///   - axis: where the groups lie: along the contraction of the product to come.
  ///   - format: of the codes.
  ///   - scaleRule: how scales are chosen.
  ///   - cpu: what it runs on; the result is the same for all.
  /// - Throws: `NonFiniteGroups` where there are numbers that have no scale.
  public init(
    quantizing values: Span<Float>, rows: Int, columns: Int, axis: GroupAxis = .rows,
    format: BlockFormat = .mxfp4, scaleRule: ScaleRule = .truncationFree, on cpu: CPU
  ) throws(NonFiniteGroups) {
    try self.init(
      quantizing: values, rows: rows, columns: columns, axis: axis,
      QuantizerRecipe(format: format, scaleRule: scaleRule),
      // Rounding to the nearest draws nothing.
      random: RandomStream(seed: 0, purpose: .q1), on: cpu)
  }

  /// Quantizes `rows` × `columns` numbers.
  ///
  /// - Parameters:
  ///   - values: row-major.
  ///   - rows: of the matrix.
  ///   - columns: of the matrix.
  ///   - axis: where the groups lie: along the contraction of the product to come.
  ///   - quantizer: format, scale rule and rounding.
  ///   - averages: the moving averages of `values`, by which `Rounding.ema` rounds.
  ///   - random: what `Rounding.stochastic` draws from. Two quantizations that draw from one stream are not independent.
  ///   - cpu: what it runs on; the result is the same for all.
  /// - Throws: `NonFiniteGroups` where there are numbers that have no scale.
  public init(
    quantizing values: Span<Float>, rows: Int, columns: Int, axis: GroupAxis = .rows,
    _ quantizer: QuantizerRecipe, averages: [Float]? = nil, random: RandomStream, on cpu: CPU
  ) throws(NonFiniteGroups) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    precondition(
      averages == nil || averages!.count == values.count, "moving averages of another shape")
    self.init(rows: rows, columns: columns, axis: axis, format: quantizer.format)
    if values.isEmpty { return }
    func matrix(_ numbers: UnsafeBufferPointer<Float>) -> FloatMatrix {
      // It is read only.
      FloatMatrix(
        UnsafeMutablePointer(mutating: numbers.baseAddress!), rows: rows, columns: columns)
    }
    let view = view
    let broken = values.withUnsafeBufferPointer { values in
      (averages ?? []).withUnsafeBufferPointer { own in
        cpu.pack(
          Self.slice(
            matrix(values), averages: averages == nil ? nil : matrix(own), axis, quantizer, random),
          into: view)
      }
    }
    try NonFiniteGroups.check(broken)
  }

  /// Quantizes numbers of the matrix's shape into its memory, which is what a loop wants.
  ///
  /// - Parameters:
  ///   - x: `rows` × `columns` numbers.
  ///   - averages: their moving averages, by which `Rounding.ema` rounds.
  ///   - quantizer: its format must be the matrix's.
  ///   - random: what `Rounding.stochastic` draws from.
  ///   - cpu: what it runs on; the result is the same for all.
  /// - Throws: `NonFiniteGroups` where there are numbers that have no scale. Their groups get scale byte 255: every
  ///   product they touch is NaN. The others are as they should be.
  public mutating func quantize(
    _ x: FloatMatrix, averages: FloatMatrix? = nil, _ quantizer: QuantizerRecipe,
    random: RandomStream, on cpu: CPU
  ) throws(NonFiniteGroups) {
    precondition(
      x.rows == rows && x.columns == columns,
      "\(x.rows) × \(x.columns) numbers for \(rows) × \(columns)")
    precondition(quantizer.format == format, "\(quantizer.format) into a matrix of \(format)")
    try NonFiniteGroups.check(
      cpu.pack(Self.slice(x, averages: averages, axis, quantizer, random), into: view))
  }

  private static func slice(
    _ x: FloatMatrix, averages: FloatMatrix?, _ axis: GroupAxis, _ quantizer: QuantizerRecipe,
    _ random: RandomStream
  ) -> QuantizerSlice {
    precondition(quantizer.readsWhole, "a rotation of 16, or scales of squares")
    return QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages), random: random)
  }

  /// The matrix of given codes and scales.
  public init(_ matrix: QuantizedMatrix) {
    self.init(
      rows: matrix.rows, columns: matrix.columns, axis: matrix.axis, format: matrix.format)
    view.write(matrix)
  }

  /// The codes, `rows` × `columns`, and the scales, one a group, laid out plainly. `PackedMatrix(packing:)` makes the
  /// published layout of it.
  public var quantized: QuantizedMatrix { view.quantized(axis: axis) }

  /// The matrix quantized again with groups along columns, from its 4-bit values: double quantization
  /// (the paper's Q4 and Q6).
  ///
  /// - Precondition: groups lie along rows; the new format has no outer scales.
  /// - Parameters:
  ///   - quantizer: format, scale rule and rounding.
  ///   - random: what `Rounding.stochastic` draws from: another stream than the one of the first quantization.
  ///   - cpu: what it runs on; the result is the same for all.
  /// - Throws: `NonFiniteGroups` where groups meet a broken one of this matrix.
  public func requantizedAlongColumns(
    _ quantizer: QuantizerRecipe, random: RandomStream, on cpu: CPU
  ) throws(NonFiniteGroups) -> MXMatrix {
    var result = MXMatrix(rows: rows, columns: columns, axis: .columns, format: quantizer.format)
    try result.requantize(self, quantizer, random: random, on: cpu)
    return result
  }

  /// The same into a matrix of the same shape whose groups lie along columns.
  ///
  /// - Throws: as above; the other groups are as they should be.
  public mutating func requantize(
    _ source: borrowing MXMatrix, _ quantizer: QuantizerRecipe, random: RandomStream,
    on cpu: CPU
  ) throws(NonFiniteGroups) {
    precondition(source.axis == .rows && axis == .columns, "requantized from rows to columns only")
    precondition(
      source.rows == rows && source.columns == columns,
      "\(source.rows) × \(source.columns) codes for \(rows) × \(columns)")
    precondition(quantizer.format == format, "\(quantizer.format) into a matrix of \(format)")
    try NonFiniteGroups.check(cpu.repack(source.view, into: view, quantizer, random: random))
  }

  /// Aᵒ·Bᵒᵀ where Mᵒ is M for groups along rows and Mᵀ for groups along columns: the contraction runs along the
  /// groups of both. So A·Bᵀ for two matrices grouped along rows, A·B where B's groups lie along columns,
  /// Aᵀ·B where those of both do.
  ///
  /// - Parameters:
  ///   - b: the right operand, of as many elements a lane.
  ///   - cpu: what it runs on; the result is the same for all.
  /// - Returns: row-major, A's lanes × B's lanes. Equal to `referenceProduct` to the bit; NaN where a group of either is
  ///   broken.
  /// - Complexity: M·N·K multiply-adds of bytes.
  public func product(_ b: borrowing MXMatrix, on cpu: CPU) -> [Float] {
    precondition(
      view.length == b.view.length, "a contraction of \(view.length) with \(b.view.length)")
    let (m, n) = (view.lanes, b.view.lanes)
    let (left, right) = (view, b.view)
    return [Float](unsafeUninitializedCapacity: m * n) { buffer, count in
      count = m * n
      guard let base = buffer.baseAddress, m * n > 0 else { return }
      cpu.multiply(
        ProductTerms(left, right), into: FloatMatrix(base, rows: m, columns: n),
        arena: Arena(chunkCount: 1 << 12))
    }
  }

  /// The same product into memory of the caller's: A's lanes × B's lanes, row-major, overwritten.
  public func product(_ b: borrowing MXMatrix, into c: inout MutableSpan<Float>, on cpu: CPU) {
    let (left, right) = (view, b.view)
    precondition(
      c.count == left.lanes * right.lanes,
      "\(c.count) places for \(left.lanes) × \(right.lanes) numbers")
    c.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      cpu.multiply(
        ProductTerms(left, right), into: FloatMatrix(base, rows: left.lanes, columns: right.lanes),
        arena: Arena(chunkCount: 1 << 12))
    }
  }

  /// The same product with a bias and scratch of the caller's, which is what a loop wants.
  ///
  /// - Parameters:
  ///   - b: the right operand, of the same contraction.
  ///   - bias: [1, lanes of B], added to every row at the end; nil for none.
  ///   - c: A's lanes × B's lanes, overwritten.
  ///   - arena: scratch.
  ///   - cpu: what it runs on; the result is the same for all.
  public func product(
    _ b: borrowing MXMatrix, bias: FloatMatrix? = nil, into c: FloatMatrix, arena: Arena,
    on cpu: CPU
  ) {
    cpu.multiply(ProductTerms(view, b.view, bias: bias), into: c, arena: arena)
  }
}
