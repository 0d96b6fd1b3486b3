import MXFormats
import MXRuntime

/// A product in single precision, of numbers with numbers or with the values of codes, of which one slice after another is computed. Each sum runs over its terms in their order, so
/// that neither the cut nor the instruction set changes a bit, as long as that multiplies and adds at once.
struct FloatProduct {
  private let kernels: Kernels
  private let a: Kernels.FloatOperand
  private let b: RightOperand
  private let bias: FloatMatrix?
  private let terms: Int
  /// Bytes of scratch that a slice takes.
  let scratchBytes: Int

  private enum RightOperand {
    case numbers(Kernels.FloatOperand)
    /// Whose lanes are rows.
    case codes(MXMatrixView)
  }

  /// Aᵒ·Bᵒᵀ (+ bias), of which a slice has no more columns than the plan's.
  ///
  /// - Precondition: codes of B lie along its rows.
  init(
    _ kernels: Kernels, _ a: FloatMatrix, _ leftAxis: GroupAxis, _ b: Encoded,
    bias: FloatMatrix?, _ plan: ProductPlan
  ) {
    (self.kernels, self.bias) = (kernels, bias)
    terms = leftAxis == .rows ? a.columns : a.rows
    precondition(
      terms == (b.axis == .rows ? b.shape.columns : b.shape.rows),
      "a contraction of \(terms) with others")
    self.a = Kernels.FloatOperand(a, leftAxis)
    switch b.content {
    case .numbers(let numbers): self.b = .numbers(Kernels.FloatOperand(numbers, b.axis))
    case .codes(let view):
      precondition(b.axis == .rows, "numbers with codes along columns")
      self.b = .codes(view)
    }
    scratchBytes = (kernels.floatScratch(columns: plan.columns) * 4 + 63) / 64 * 64
  }

  /// Some rows of some columns, as `PackedProduct.compute`.
  func compute(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    let left = a.from(rows.lowerBound)
    let bias = bias.map { UnsafePointer($0.base + columns.lowerBound) }
    let scratch = scratch.assumingMemoryBound(to: Float.self)
    switch b {
    case .numbers(let b):
      kernels.multiply(
        left, b.from(columns.lowerBound), terms: terms, into: c, stride: stride,
        rows: rows.count, columns: columns.count, bias: bias, scratch: scratch)
    case .codes(let b):
      kernels.multiply(
        left, b, from: columns.lowerBound, into: c, stride: stride, rows: rows.count,
        columns: columns.count, bias: bias, scratch: scratch)
    }
  }
}
