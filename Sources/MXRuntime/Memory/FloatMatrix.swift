/// A view on `rows` × `columns` single-precision numbers in row-major order.
///
/// The memory belongs to an `Arena` or an `AlignedBuffer` that must outlive the view. Indices are not
/// checked in release builds: this is the currency of the hot loops.
public struct FloatMatrix: BitwiseCopyable {
  /// Element (0, 0).
  public let base: UnsafeMutablePointer<Float>
  /// The number of rows.
  public let rows: Int
  /// The number of columns, which is also the distance between two rows.
  public let columns: Int

  /// A view on the `rows` × `columns` numbers that start at `base`.
  public init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns)")
    self.base = base
    self.rows = rows
    self.columns = columns
  }

  /// `rows` · `columns`.
  public var count: Int { rows * columns }

  /// The first element of a row.
  public func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * columns }

  /// The rows of a range, as a view on the same memory.
  public func rows(_ range: Range<Int>) -> FloatMatrix {
    FloatMatrix(row(range.lowerBound), rows: range.count, columns: columns)
  }

  /// The same elements in so many rows.
  public func reshaped(rows: Int) -> FloatMatrix {
    precondition(count.isMultiple(of: max(rows, 1)), "\(count) elements in \(rows) rows")
    return FloatMatrix(base, rows: rows, columns: rows == 0 ? columns : count / rows)
  }

  /// The elements in row-major order.
  public var elements: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}
