import MXFormats
import MXRuntime
import Synchronization

/// How one of the quantizers that read the same matrix writes it.
struct PackingTarget {
  let out: MXMatrixView
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  let random: RandomStream

  /// Memory for the codes that are asked for; nil where that is something else.
  init?(_ request: OperandRequest?, axis: GroupAxis, of shape: (rows: Int, columns: Int)) {
    guard let request, case .codes(let quantizer) = request.encoding else { return nil }
    out = request.arena.packed(
      rows: shape.rows, columns: shape.columns, axis: axis, format: quantizer.format)
    (self.axis, self.quantizer, self.random) = (axis, quantizer.without(nil), request.random)
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
  /// - Returns: how many groups hold a NaN or an infinity, for each.
  func packTiles(
    of x: LazyMatrix, targets: (PackingTarget?, PackingTarget?), sums: FloatMatrix?, arena: Arena,
    profile: StepProfile?
  ) -> (Int, Int) {
    let shape = x.shape
    let plan = TilePlan(x, hasSums: sums != nil)
    let maker = TileMaker(x, plan, kernels)
    let first = Atomic<Int>(0)
    let second = Atomic<Int>(0)
    func pack(
      _ part: FloatMatrix, _ row: Int, _ column: Int, _ target: PackingTarget?
    ) -> Int {
      guard let target else { return 0 }
      return kernels.pack(
        QuantizerSlice(
          part, firstRow: row, firstColumn: column, axis: target.axis, target.quantizer,
          random: target.random),
        into: target.out)
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
          let row = rows.lowerBound + strip
          first.add(pack(part, row, columns.lowerBound, targets.0), ordering: .relaxed)
          second.add(pack(part, row, columns.lowerBound, targets.1), ordering: .relaxed)
          if let partial { kernels.addColumnSums(of: part, to: partial) }
        }
        clock?.add(.quantizer, since: start)
      }
      clock?.finish(into: profile)
      if let sums, let partials, !isDry { kernels.addColumnSums(of: partials, to: sums.base) }
    }
    return (first.load(ordering: .relaxed), second.load(ordering: .relaxed))
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
