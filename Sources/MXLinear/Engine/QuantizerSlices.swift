import MXFormats
import Runtime
import Synchronization

/// Rows of a matrix of `columns` columns that one slice of a quantizer takes: whole groups in either
/// direction, enough of them to be worth a hand-over to a thread.
func quantizerSliceRows(columns: Int) -> Int {
  let group = GroupAxis.groupSize
  return group * max(1, 32_768 / (group * max(columns, 1)))
}

/// Adds up broken groups over the slices of a quantizer.
func countingBroken(_ body: (_ report: (Int) -> Void) -> Void) -> Int {
  let broken = Atomic<Int>(0)
  body { if $0 > 0 { broken.add($0, ordering: .relaxed) } }
  return broken.load(ordering: .relaxed)
}
