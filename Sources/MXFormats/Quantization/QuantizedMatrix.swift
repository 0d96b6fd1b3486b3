/// A matrix of 4-bit codes with one scale a group: what a quantizer makes of a matrix, laid out plainly.
public struct QuantizedMatrix: Equatable, Sendable {
  /// The format of the codes.
  public let format: ElementFormat
  /// The axis the groups lie along.
  public let axis: GroupAxis
  /// Extent of axis 0.
  public let rows: Int
  /// Extent of axis 1.
  public let columns: Int
  /// One code 0…15 a byte, row-major, `rows` × `columns`.
  public let codes: [UInt8]
  /// One E8M0 byte a group, row-major, in the shape `axis.scaleShape`.
  public let scales: [UInt8]

  /// A matrix from its codes and scales.
  public init(
    format: ElementFormat, axis: GroupAxis, rows: Int, columns: Int, codes: [UInt8], scales: [UInt8]
  ) {
    let shape = axis.scaleShape(rows: rows, columns: columns)
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
  }

  /// The scale of the group that element (row, column) belongs to.
  public func scale(row: Int, column: Int) -> E8M0 {
    switch axis {
    case .rows:
      let groups = axis.scaleShape(rows: rows, columns: columns).columns
      return E8M0(byte: scales[row * groups + column / GroupAxis.groupSize])
    case .columns:
      return E8M0(byte: scales[row / GroupAxis.groupSize * columns + column])
    }
  }

  /// The value of element (row, column): q·S, exact, or NaN where the scale is NaN.
  public func value(row: Int, column: Int) -> Float {
    format.value(of: codes[row * columns + column]) * scale(row: row, column: column).value
  }

  /// All values, row-major. O(rows · columns).
  public var values: [Float] {
    (0..<codes.count).map { value(row: $0 / columns, column: $0 % columns) }
  }

  /// The same matrix with its axes exchanged: groups along rows become groups along columns.
  public var transposed: QuantizedMatrix {
    let shape = axis.scaleShape(rows: rows, columns: columns)
    return QuantizedMatrix(
      format: format, axis: axis == .rows ? .columns : .rows, rows: columns, columns: rows,
      codes: Self.transpose(codes, rows: rows, columns: columns),
      scales: Self.transpose(scales, rows: shape.rows, columns: shape.columns))
  }

  private static func transpose(_ bytes: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    (0..<bytes.count).map { bytes[$0 % rows * columns + $0 / rows] }
  }
}
