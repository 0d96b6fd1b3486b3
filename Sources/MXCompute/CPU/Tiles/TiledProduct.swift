import MXFormats
import MXRuntime

// Shapes: A has M lanes, B has N lanes, both of K elements; C [M, N].

/// A product of which one slice after another is computed, by one thread each.
enum TiledProduct {
  case packed(PackedProduct)
  case floats(FloatProduct)

  /// - Parameter plan: how it is cut.
  /// - Precondition: both operands are codes, or the left one is numbers; with them, codes lie along rows.
  init(_ terms: ProductTerms, _ kernels: Kernels, _ plan: ProductPlan) {
    switch (terms.a.content, terms.b.content) {
    case (.codes(let a), .codes(let b)):
      self = .packed(PackedProduct(kernels, a, b, bias: terms.bias, plan))
    case (.numbers(let a), _):
      self = .floats(FloatProduct(kernels, a, terms.a.axis, terms.b, bias: terms.bias, plan))
    default: preconditionFailure("codes with numbers")
    }
  }

  /// Bytes of scratch that a slice takes.
  var scratchBytes: Int {
    switch self {
    case .packed(let product): product.scratchBytes
    case .floats(let product): product.scratchBytes
    }
  }

  /// Some rows of some columns.
  ///
  /// - Parameters:
  ///   - rows: from a multiple of 16 on, to another one or to the last row.
  ///   - columns: as the rows.
  ///   - c: where the first of them goes.
  ///   - stride: numbers from there to the next row.
  ///   - scratch: `scratchBytes` bytes.
  func compute(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    switch self {
    case .packed(let product):
      product.compute(rows: rows, columns: columns, into: c, stride: stride, scratch: scratch)
    case .floats(let product):
      product.compute(rows: rows, columns: columns, into: c, stride: stride, scratch: scratch)
    }
  }
}

extension CPU {
  /// C = A·Bᵀ (+ bias), of codes or of numbers.
  ///
  /// - Parameters:
  ///   - c: [M, N], overwritten, or added to.
  ///   - accumulates: whether c += the product instead, each sum when it is complete.
  ///   - plan: the cut; it changes the speed and never a bit.
  /// - Complexity: M·N·K multiply-adds; of codes, N·K/2 + M·K/2 bytes read a slice.
  package func multiply(
    _ terms: ProductTerms, into c: FloatMatrix, accumulates: Bool = false, arena: Arena,
    plan: ProductPlan? = nil
  ) {
    precondition(
      c.rows == terms.a.lanes && c.columns == terms.b.lanes,
      "a product of \(terms.a.lanes) × \(terms.b.lanes) into \(c.rows) × \(c.columns)")
    if c.count == 0 { return }
    let plan =
      plan
      ?? ProductPlan(
        rows: c.rows, columns: c.columns, threads: threads, isPacked: terms.a.isCodes)
    let product = TiledProduct(terms, kernels, plan)
    let rowSlices = (c.rows + plan.rows - 1) / plan.rows
    let columnSlices = (c.columns + plan.columns - 1) / plan.columns
    let sumCount = accumulates ? min(plan.rows, c.rows) * min(plan.columns, c.columns) : 0
    let bytes = product.scratchBytes + (sumCount + 15) / 16 * 64
    arena.scratch {
      let scratch = arena.allocateBytes(threads * bytes)
      forEach(rowSlices * columnSlices) { slice, worker in
        let (rowSlice, columnSlice) = slice.quotientAndRemainder(dividingBy: columnSlices)
        let (row, column) = (rowSlice * plan.rows, columnSlice * plan.columns)
        let rows = row..<min(row + plan.rows, c.rows)
        let columns = column..<min(column + plan.columns, c.columns)
        let own = scratch + worker * bytes
        guard accumulates else {
          return product.compute(
            rows: rows, columns: columns, into: c.row(row) + column, stride: c.columns,
            scratch: own)
        }
        let sums = FloatMatrix(
          (own + product.scratchBytes).assumingMemoryBound(to: Float.self), rows: rows.count,
          columns: columns.count)
        product.compute(
          rows: rows, columns: columns, into: sums.base, stride: sums.columns, scratch: own)
        for place in 0..<sums.rows {
          let total = c.row(row + place) + column
          kernels.addScaled(total, scale: 1, branch: sums.row(place), into: total, sums.columns)
        }
      }
    }
  }
}
