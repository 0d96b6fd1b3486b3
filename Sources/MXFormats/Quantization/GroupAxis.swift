/// Along which axis of a row-major matrix consecutive elements share a scale: the contraction axis
/// of the product that will consume it.
///
/// Source: the paper's Eq. 3–5.
public enum GroupAxis: String, CaseIterable, Sendable, BitwiseCopyable {
  /// Groups along axis 1, within a row.
  case rows
  /// Groups along axis 0, within a column.
  case columns
}
