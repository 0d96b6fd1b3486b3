/// A matrix of 4-bit codes with one scale a group: what a quantizer makes of a matrix, laid out plainly.
public struct QuantizedMatrix: Equatable, Sendable {
  /// The format of codes, groups and scales.
  public let format: BlockFormat
  /// The axis the groups lie along.
  public let axis: GroupAxis
  /// Extent of axis 0.
  public let rows: Int
  /// Extent of axis 1.
  public let columns: Int
  /// One code 0…15 a byte, row-major, `rows` × `columns`.
  public let codes: [UInt8]
  /// One byte a group, row-major, in the shape `format.scaleShape`.
  public let scales: [UInt8]
  /// What multiplies the scales of all groups, one number for the matrix, in the unit of its elements: S = scale · `outerScale`,
  /// rounded once to single precision (Documentation/Formats.md, "NVFP4"). Positive; 1 where the format has no outer scale, as MX,
  /// or many.
  public let outerScale: Float
  /// The same for each run of 128 neighbours along the groups, row-major, in the shape `format.outerScaleShape`; empty but in
  /// `nvfp4-1x128`.
  public let outerScales: [Float]

  /// A matrix from its codes and scales.
  ///
  /// - Precondition: there are as many codes, scales and outer scales as the shapes say, and outer scales only in formats that have
  ///   them.
  /// - Parameters:
  ///   - format: of codes, groups and scales.
  ///   - axis: along which the groups, and runs, lie.
  ///   - rows: extent of axis 0.
  ///   - columns: extent of axis 1.
  ///   - codes: `rows` × `columns`, row-major, one a byte.
  ///   - scales: one byte a group, row-major, in the shape `format.scaleShape`.
  ///   - outerScale: what multiplies all scales, in `int4` and `nvfp4`; else 1.
  ///   - outerScales: what multiplies those of each 128 neighbours, in `nvfp4-1x128`: `rows` × ⌈`columns`/128⌉, or the other way round;
  ///     else nothing.
  public init(
    format: BlockFormat, axis: GroupAxis, rows: Int, columns: Int, codes: [UInt8],
    scales: [UInt8], outerScale: Float = 1, outerScales: [Float] = []
  ) {
    let shape = format.scaleShape(rows: rows, columns: columns, along: axis)
    precondition(
      format.outerScale == .matrix || outerScale == 1,
      "an outer scale of \(outerScale) in \(format.rawValue)")
    let outer = format.outerScaleShape(rows: rows, columns: columns, along: axis)
    precondition(
      outerScales.count == outer.map { $0.rows * $0.columns } ?? 0,
      "\(outerScales.count) outer scales for \(rows) × \(columns)")
    precondition(codes.count == rows * columns, "\(codes.count) codes for \(rows) × \(columns)")
    precondition(
      scales.count == shape.rows * shape.columns,
      "\(scales.count) scales for \(shape.rows) × \(shape.columns) groups")
    self.format = format
    self.axis = axis
    self.rows = rows
    self.columns = columns
    self.codes = codes
    self.scales = scales
    (self.outerScale, self.outerScales) = (outerScale, outerScales)
  }

  /// The same codes and scales under an outer scale of 1.
  package var withoutOuterScale: QuantizedMatrix {
    QuantizedMatrix(
      format: format, axis: axis, rows: rows, columns: columns, codes: codes, scales: scales)
  }

  /// The scale S of the group that element (row, column) belongs to, with the outer scale in it (which is rounded once), or
  /// NaN.
  public func scale(row: Int, column: Int) -> Float {
    let byte =
      switch axis {
      case .rows: scales[row * format.groups(columns) + column / format.groupSize]
      case .columns: scales[row / format.groupSize * columns + column]
      }
    return format.scale.value(of: byte) * outerScale(row: row, column: column)
  }

  private func outerScale(row: Int, column: Int) -> Float {
    outerScales.isEmpty
      ? outerScale : outerScales[format.run(row: row, column: column, columns, axis)]
  }

  /// The value of element (row, column): q·S, or NaN where the scale is NaN; exact where S is a power of two.
  public func value(row: Int, column: Int) -> Float {
    format.elements.value(of: codes[row * columns + column]) * scale(row: row, column: column)
  }

  /// All values, row-major. O(rows · columns).
  public var values: [Float] {
    (0..<codes.count).map { value(row: $0 / columns, column: $0 % columns) }
  }

  /// The same matrix with its axes exchanged: groups along rows become groups along columns.
  public var transposed: QuantizedMatrix {
    let shape = format.scaleShape(rows: rows, columns: columns, along: axis)
    let outer = format.outerScaleShape(rows: rows, columns: columns, along: axis)
    return QuantizedMatrix(
      format: format, axis: axis == .rows ? .columns : .rows, rows: columns, columns: rows,
      codes: Self.transpose(codes, rows: rows, columns: columns),
      scales: Self.transpose(scales, rows: shape.rows, columns: shape.columns),
      outerScale: outerScale,
      outerScales: outer.map {
        Self.transpose(outerScales, rows: $0.rows, columns: $0.columns)
      } ?? [])
  }

  private static func transpose<T>(_ elements: [T], rows: Int, columns: Int) -> [T] {
    (0..<elements.count).map { elements[$0 % rows * columns + $0 / rows] }
  }
}
