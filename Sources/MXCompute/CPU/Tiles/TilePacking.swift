import MXFormats
import MXRuntime
import Synchronization

/// How one of the quantizers that read the same matrix writes it.
struct PackingTarget {
  let out: MXMatrixView
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  /// Nil where the format has none.
  let outerScale: Float?
  let random: RandomStream
  let countsLosses: Bool

  /// Memory for the codes that are asked for; nil where that is something else, or a matrix must be read as a whole.
  ///
  /// - Parameter largest: the largest magnitude of the matrix, where a format asks for it.
  init?(
    _ request: OperandRequest?, axis: GroupAxis, of shape: (rows: Int, columns: Int),
    largest: Float?
  ) {
    guard let request, case .codes(let quantizer) = request.encoding, quantizer.readsParts else {
      return nil
    }
    outerScale =
      quantizer.format.outerScale == .matrix ? quantizer.outerScale(largest: largest ?? 0) : nil
    out = request.arena.packed(
      rows: shape.rows, columns: shape.columns, axis: axis, format: quantizer.format)
    (self.axis, self.quantizer, self.random) = (axis, quantizer.without(nil), request.random)
    countsLosses = request.countsLosses
  }
}

/// What became of the numbers that a quantizer read.
struct PackingResult {
  /// Groups that hold a NaN or an infinity.
  var broken = 0
  /// Where they were counted.
  var saturated = 0, underflowed = 0

  func losses(of shape: (rows: Int, columns: Int)) -> QuantizerLosses {
    QuantizerLosses(
      elements: shape.rows * shape.columns, saturated: saturated, underflowed: underflowed)
  }
}

/// The same, added up by several threads.
private struct PackingCounts: ~Copyable {
  private let broken = Atomic<Int>(0)
  private let saturated = Atomic<Int>(0)
  private let underflowed = Atomic<Int>(0)

  func add(_ slice: QuantizerSlice, to target: PackingTarget, _ kernels: Kernels) {
    broken.add(kernels.pack(slice, into: target.out), ordering: .relaxed)
    guard target.countsLosses else { return }
    let lost = kernels.losses(slice)
    saturated.add(lost.saturated, ordering: .relaxed)
    underflowed.add(lost.underflowed, ordering: .relaxed)
  }

  var result: PackingResult {
    PackingResult(
      broken: broken.load(ordering: .relaxed), saturated: saturated.load(ordering: .relaxed),
      underflowed: underflowed.load(ordering: .relaxed))
  }
}

extension CPU {
  /// Quantizes x by up to two quantizers, and adds its column sums to `sums`: tile by tile, each of which goes through
  /// all of them while it is in the cache, 32 rows at a time.
  ///
  /// - Returns: what became of the numbers, for each.
  func packTiles(
    of x: LazyMatrix, targets: (PackingTarget?, PackingTarget?), sums: FloatMatrix?, arena: Arena,
    profile: StepProfile?
  ) -> (PackingResult, PackingResult) {
    let shape = x.shape
    let plan = TilePlan(x, hasSums: sums != nil)
    let maker = TileMaker(x, plan, kernels)
    let first = PackingCounts()
    let second = PackingCounts()
    func slice(_ part: FloatMatrix, _ row: Int, _ column: Int, _ target: PackingTarget)
      -> QuantizerSlice
    {
      QuantizerSlice(
        part, firstRow: row, firstColumn: column, axis: target.axis, target.quantizer,
        outerScale: target.outerScale ?? 1, random: target.random)
    }
    arena.scratch {
      let partials = sums.map { arena.matrix(rows: plan.down, columns: $0.count) }
      let scratch = arena.allocateBytes(threads * maker.scratchBytes)
      let clock = profile.map { _ in WorkClock() }
      forEach(plan.down * plan.across) { index, worker in
        let (rows, columns) = plan.tile(index, of: shape)
        let tile = maker.tile(rows, columns, scratch + worker * maker.scratchBytes, clock)
        let start = clock?.now
        let partial = partials.map { $0.row(index / plan.across) + columns.lowerBound }
        partial?.update(repeating: 0, count: columns.count)
        for strip in stride(from: 0, to: rows.count, by: BlockFormat.longestGroup) {
          let part = tile.rows(strip..<min(strip + BlockFormat.longestGroup, rows.count))
          let (row, column) = (rows.lowerBound + strip, columns.lowerBound)
          if let target = targets.0 {
            first.add(slice(part, row, column, target), to: target, kernels)
          }
          if let target = targets.1 {
            second.add(slice(part, row, column, target), to: target, kernels)
          }
          if let partial { kernels.addColumnSums(of: part, to: partial) }
        }
        clock?.add(.quantizer, since: start)
      }
      clock?.finish(into: profile)
      if let sums, let partials, !isDry { kernels.addColumnSums(of: partials, to: sums.base) }
    }
    return (first.result, second.result)
  }
}
