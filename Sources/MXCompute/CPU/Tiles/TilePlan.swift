import MXRuntime

/// How a matrix that is made while it is quantized is cut: each tile is made in one thread's cache, and quantized there.
/// Each sum of a column over 256 rows lies within a tile.
struct TilePlan {
  /// Of a tile.
  let rows, columns: Int
  /// Of them, in either direction.
  let down, across: Int

  init(_ x: LazyMatrix, hasSums: Bool) {
    let (rows, columns) = x.shape
    switch x.source {
    case .numbers(.matrix), .rows, .layerNorm:
      // Rows are made as a whole. Whole groups in either direction, enough of them to be worth a hand-over.
      self.columns = max(columns, 1)
      self.rows = hasSums ? CPU.summedRows : CPU.quantizerRows(columns: columns, .mxfp4)
    case .numbers(.product), .gelu, .geluGradient:
      // An operand is expanded to bytes once a tile, which costs about two steps an element: 2/rows and 2/columns of the
      // product's time.
      self.columns = Self.tileColumns(columns)
      self.rows = CPU.summedRows
    }
    (down, across) = (
      (rows + self.rows - 1) / self.rows, (columns + self.columns - 1) / self.columns
    )
  }

  /// An even part of the columns that tiles of the product (48) and groups (32) go into: 384 at most, which measured up
  /// to a twentieth faster than 192, and not slower than 768.
  private static func tileColumns(_ columns: Int) -> Int {
    let units = (max(columns, 1) + 95) / 96
    let parts = (units + 3) / 4
    return (units + parts - 1) / parts * 96
  }

  /// The rows and columns of a tile.
  func tile(_ index: Int, of shape: (rows: Int, columns: Int)) -> (
    rows: Range<Int>, columns: Range<Int>
  ) {
    let (row, column) = (index / across * rows, index % across * columns)
    return (row..<min(row + rows, shape.rows), column..<min(column + columns, shape.columns))
  }
}
