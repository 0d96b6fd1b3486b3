import MXFormats
import MXRuntime

// Shapes: A has M lanes, B has N lanes, both of K elements; C [M, N].

/// A product of which one slice after another is computed, by one thread each.
struct TiledProduct {
  private enum Sums {
    case packed(PackedProduct)
    case floats(FloatProduct)
  }
  private let sums: Sums
  private let kernels: Kernels
  /// What sums are multiplied with before the bias is added; nil for nothing.
  let scale: Float?
  /// Nil where the sums have it.
  private let bias: FloatMatrix?
  /// Bytes of scratch that a slice takes.
  let scratchBytes: Int
  private let sumBytes: Int

  /// - Parameter plan: how it is cut.
  /// - Precondition: both operands are codes, or the left one is numbers; with them, codes lie along rows.
  init(_ terms: ProductTerms, _ kernels: Kernels, _ plan: ProductPlan) {
    self.kernels = kernels
    scale = terms.pendingScale
    bias = scale == nil ? nil : terms.bias
    let inner = scale == nil ? terms.bias : nil
    switch (terms.a.content, terms.b.content) {
    case (.codes(let a), .codes(let b)):
      let product = PackedProduct(kernels, a, b, bias: inner, plan)
      (sums, sumBytes) = (.packed(product), product.scratchBytes)
    case (.numbers(let a), _):
      let product = FloatProduct(kernels, a, terms.a.axis, terms.b, bias: inner, plan)
      (sums, sumBytes) = (.floats(product), product.scratchBytes)
    default: preconditionFailure("codes with numbers")
    }
    let addendBytes = scale == nil ? 0 : (plan.columns * MemoryLayout<Float>.stride + 63) / 64 * 64
    scratchBytes = sumBytes + addendBytes
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
    computeSums(rows: rows, columns: columns, into: c, stride: stride, scratch: scratch)
    guard let scale else { return }
    let addend = (scratch + sumBytes).assumingMemoryBound(to: Float.self)
    if let bias {
      addend.update(from: bias.base + columns.lowerBound, count: columns.count)
    } else {
      addend.update(repeating: 0, count: columns.count)
    }
    for row in 0..<rows.count {
      let line = c + row * stride
      kernels.addScaled(addend, scale: scale, branch: line, into: line, columns.count)
    }
  }

  /// The same without the scale, and without the bias where there is a scale.
  func computeSums(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    switch sums {
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
        product.computeSums(
          rows: rows, columns: columns, into: sums.base, stride: sums.columns, scratch: own)
        for place in 0..<sums.rows {
          let total = c.row(row + place) + column
          kernels.addScaled(
            total, scale: product.scale ?? 1, branch: sums.row(place), into: total, sums.columns)
        }
      }
    }
  }
}
