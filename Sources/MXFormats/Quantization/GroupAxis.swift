/// Along which axis of a row-major matrix 32 consecutive elements share a scale: the contraction axis
/// of the product that will consume it.
///
/// Source: OCP Microscaling Formats specification v1.0 (blocks of 32); the paper's Eq. 3–5 (axes).
public enum GroupAxis: String, CaseIterable, Sendable, BitwiseCopyable {
  /// Groups along axis 1, within a row.
  case rows
  /// Groups along axis 0, within a column.
  case columns

  /// Elements of a whole group. A tail that is shorter is a group of its own.
  public static let groupSize = 32

  /// The shape of the scales of a `rows` × `columns` matrix: rows × ⌈columns/32⌉, or
  /// ⌈rows/32⌉ × columns.
  public func scaleShape(rows: Int, columns: Int) -> (rows: Int, columns: Int) {
    switch self {
    case .rows: (rows, (columns + Self.groupSize - 1) / Self.groupSize)
    case .columns: ((rows + Self.groupSize - 1) / Self.groupSize, columns)
    }
  }
}
