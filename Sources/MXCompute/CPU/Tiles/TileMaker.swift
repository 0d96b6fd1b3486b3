import MXRuntime

/// Makes tiles of a lazy matrix.
struct TileMaker {
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
    switch x.source {
    case .numbers(.matrix): (products, tileBytes) = ((nil, nil), (x.offset == nil ? 0 : bytes, 0))
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
    if let matrix = x.matrix { return matrix.rows(rows) }
    let tile = made(rows, columns, scratch, clock)
    if let offset = x.offset { kernels.subtract(offset.base + columns.lowerBound, from: tile) }
    return tile
  }

  /// The same before anything is subtracted.
  private func made(
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
    switch x.source {
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
