import MXRuntime

/// This machine's processor: SIMD kernels in C, on 4-bit codes and in single precision, slices on several threads.
///
/// Slices depend on shapes alone, and every sum lies within one slice or is added up in the order of the slices: no
/// number of threads, and no instruction set, changes a bit.
public struct CPU: TrainingCompute {
  /// Threads at work.
  public let threads: Int
  package let kernels: Kernels
  /// Whether it computes nothing, and only takes memory of arenas.
  private(set) var isDry = false
  /// The instruction set, as `TETRAJET_ISA` takes it.
  public var name: String { kernels.name }

  /// - Parameter threads: nil for one on each processor that this process may run on.
  /// - Throws: `UnknownInstructionSet` where `TETRAJET_ISA` names one that is not available.
  public init(threads: Int? = nil) throws(UnknownInstructionSet) {
    self.init(threads: threads ?? ProcessorCount.current, kernels: try .chosen())
  }

  package init(threads: Int, kernels: Kernels) {
    precondition(threads >= 1, "\(threads) threads")
    (self.threads, self.kernels) = (threads, kernels)
  }

  package var dry: any TrainingCompute {
    var dry = self
    dry.isDry = true
    return dry
  }

  /// Rows over which one thread adds up columns, before the sums are added to each other.
  static let summedRows = 256
  /// Elements that one slice of an elementwise loop takes.
  static let elementsPerSlice = 1 << 15
  /// Scores of one head that a slice of attention takes where sequences are short.
  static let scoresPerSlice = 1 << 12

  /// Calls `body` for 0 ..< `count` in parallel. All work on numbers is done in it, or in those below.
  func forEach(_ count: Int, _ body: (Int) -> Void) {
    forEach(count) { index, _ in body(index) }
  }

  /// The same, telling each call on which of the threads it runs.
  func forEach(_ count: Int, _ body: (Int, _ worker: Int) -> Void) {
    if isDry { return }
    parallelFor(count, threads: threads, body)
  }

  /// Calls `body` for runs of `length` of 0 ..< `count`, in parallel.
  func forRanges(_ count: Int, length: Int, _ body: (Range<Int>) -> Void) {
    if isDry { return }
    parallelRanges(count, length: length, threads: threads, body)
  }

  /// Calls `body` for runs of rows of x, in parallel, whatever images they belong to: one image, too, is for all threads.
  func forRows(of x: FloatMatrix, _ body: (Range<Int>) -> Void) {
    forRanges(x.rows, length: max(1, Self.elementsPerSlice / max(x.columns, 1)), body)
  }

  /// Lets slices of rows add into partial sums of their own, and adds those to `totals` in order.
  ///
  /// - Parameters:
  ///   - totals: its elements are what the partial sums are added to.
  ///   - body: adds the contribution of its rows to partial sums that start at zero.
  func reduceRows(
    _ rows: Int, into totals: FloatMatrix, arena: Arena,
    _ body: (Range<Int>, _ partial: UnsafeMutablePointer<Float>) -> Void
  ) {
    let length = Self.summedRows
    arena.scratch {
      let partials = arena.matrix(rows: (rows + length - 1) / length, columns: totals.count)
      if isDry { return }
      forRanges(rows, length: length) { range in
        let partial = partials.row(range.lowerBound / length)
        partial.update(repeating: 0, count: totals.count)
        body(range, partial)
      }
      kernels.addColumnSums(of: partials, to: totals.base)
    }
  }
}
