import MXFormats
import MXRuntime

/// A product in single precision, of which one slice after another is computed. Each sum runs over its terms in their order, so
/// that neither the cut nor the instruction set changes a bit, as long as that multiplies and adds at once.
struct FloatProduct {
  private let kernels: Kernels
  private let a, b: Kernels.FloatOperand
  private let bias: FloatMatrix?
  private let terms: Int
  /// Bytes of scratch that a slice takes.
  let scratchBytes: Int

  /// Aᵒ·Bᵒᵀ (+ bias), of which a slice has no more columns than the plan's.
  init(
    _ kernels: Kernels, _ a: FloatMatrix, _ leftAxis: GroupAxis, _ b: FloatMatrix,
    _ rightAxis: GroupAxis, bias: FloatMatrix?, _ plan: ProductPlan
  ) {
    (self.kernels, self.bias) = (kernels, bias)
    terms = leftAxis == .rows ? a.columns : a.rows
    precondition(
      terms == (rightAxis == .rows ? b.columns : b.rows), "a contraction of \(terms) with others")
    self.a = Kernels.FloatOperand(a, leftAxis)
    self.b = Kernels.FloatOperand(b, rightAxis)
    scratchBytes = (kernels.floatScratch(columns: plan.columns) * 4 + 63) / 64 * 64
  }

  /// Some rows of some columns, as `PackedProduct.compute`.
  func compute(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    kernels.multiply(
      a.from(rows.lowerBound), b.from(columns.lowerBound), terms: terms, into: c, stride: stride,
      rows: rows.count, columns: columns.count,
      bias: bias.map { UnsafePointer($0.base + columns.lowerBound) },
      scratch: scratch.assumingMemoryBound(to: Float.self))
  }
}
