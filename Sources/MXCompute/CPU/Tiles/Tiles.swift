import MXFormats
import MXRuntime
import Synchronization

/// How one of the quantizers that read the same matrix writes it.
struct PackingTarget {
  let out: MXMatrixView
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  let random: RandomStream
  let countsLosses: Bool

  /// Memory for the codes that are asked for; nil where that is something else.
  init?(_ request: OperandRequest?, axis: GroupAxis, of shape: (rows: Int, columns: Int)) {
    guard let request, case .codes(let quantizer) = request.encoding else { return nil }
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

/// How a matrix that is made while it is quantized is cut: each tile is made in one thread's cache, and quantized there.
/// Each sum of a column over 256 rows lies within a tile.
struct TilePlan {
  /// Of a tile.
  let rows, columns: Int
  /// Of them, in either direction.
  let down, across: Int

  init(_ x: LazyMatrix, hasSums: Bool) {
    let (rows, columns) = x.shape
    switch x {
    case .numbers(.matrix), .rows, .layerNorm:
      // Rows are made as a whole. Whole groups in either direction, enough of them to be worth a hand-over.
      self.columns = max(columns, 1)
      self.rows = hasSums ? CPU.summedRows : CPU.quantizerRows(columns: columns)
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
        random: target.random)
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

/// Makes tiles of a lazy matrix.
private struct TileMaker {
  private let x: LazyMatrix
  private let kernels: Kernels
  /// The products that x, and the gradient, are made of.
  private let products: (TiledProduct?, TiledProduct?)
  private let tileBytes: (Int, Int)
  /// Bytes of scratch that a tile takes.
  let scratchBytes: Int

  init(_ x: LazyMatrix, _ plan: TilePlan, _ kernels: Kernels) {
    (self.x, self.kernels) = (x, kernels)
    func product(_ numbers: LazyMatrix.Numbers) -> TiledProduct? {
      guard case .product(let terms) = numbers else { return nil }
      return TiledProduct(terms, kernels, ProductPlan(rows: plan.rows, columns: plan.columns))
    }
    let bytes = plan.rows * plan.columns * MemoryLayout<Float>.stride
    switch x {
    case .numbers(.matrix): (products, tileBytes) = ((nil, nil), (0, 0))
    case .rows, .layerNorm: (products, tileBytes) = ((nil, nil), (bytes, 0))
    case .numbers(let x), .gelu(let x): (products, tileBytes) = ((product(x), nil), (bytes, 0))
    case .geluGradient(let x, let dy):
      (products, tileBytes) = ((product(x), product(dy)), (bytes, bytes))
    }
    scratchBytes =
      tileBytes.0 + tileBytes.1
      + max(products.0?.scratchBytes ?? 0, products.1?.scratchBytes ?? 0)
  }

  /// Some rows of some columns, in memory of `scratch` but for whole rows that lie somewhere already.
  func tile(
    _ rows: Range<Int>, _ columns: Range<Int>, _ scratch: UnsafeMutableRawPointer,
    _ clock: WorkClock?
  ) -> FloatMatrix {
    func memory(_ offset: Int) -> FloatMatrix {
      FloatMatrix(
        (scratch + offset).assumingMemoryBound(to: Float.self), rows: rows.count,
        columns: columns.count)
    }
    func make(
      _ numbers: LazyMatrix.Numbers, _ product: TiledProduct?, into tile: FloatMatrix
    ) {
      switch numbers {
      case .matrix(let x):
        for row in rows {
          tile.row(row - rows.lowerBound).update(
            from: x.row(row) + columns.lowerBound, count: columns.count)
        }
      case .product:
        let start = clock?.now
        product?.compute(
          rows: rows, columns: columns, into: tile.base, stride: tile.columns,
          scratch: scratch + tileBytes.0 + tileBytes.1)
        clock?.add(.product, since: start)
      }
    }
    let tile = memory(0)
    switch x {
    case .numbers(.matrix(let x)): return x.rows(rows)
    case .numbers(let x): make(x, products.0, into: tile)
    case .rows(let terms): kernels.rows(terms, rows, into: tile)
    case .layerNorm(let terms):
      let start = clock?.now
      kernels.layerNorm(terms, rows, into: tile)
      clock?.add(.norm, since: start)
    case .gelu(let x):
      make(x, products.0, into: tile)
      let start = clock?.now
      kernels.gelu(tile.base, tile.base, tile.count)
      clock?.add(.gelu, since: start)
    case .geluGradient(let x, let dy):
      make(x, products.0, into: tile)
      let slope = memory(tileBytes.0)
      make(dy, products.1, into: slope)
      let start = clock?.now
      kernels.geluBackward(tile.base, dy: slope.base, dx: slope.base, tile.count)
      clock?.add(.gelu, since: start)
      return slope
    }
    return tile
  }
}
