import MXFormats
import MXRuntime

/// A product of packed matrices, of which one slice after another is computed: in integers from 4-bit codes, equal to
/// `referenceProduct` to the bit on every instruction set.
struct PackedProduct {
  private let kernels: Kernels
  private let a, b: MXMatrixView
  private let bias: FloatMatrix?
  private let cutBlocks, rightBytes: Int
  /// Bytes of scratch that a slice takes.
  let scratchBytes: Int

  /// A·Bᵀ (+ bias), of which a slice has no more columns than the plan's, and cuts of as many blocks.
  init(
    _ kernels: Kernels, _ a: MXMatrixView, _ b: MXMatrixView, bias: FloatMatrix?,
    _ plan: ProductPlan
  ) {
    (self.kernels, self.a, self.b, self.bias) = (kernels, a, b, bias)
    precondition(a.length == b.length, "a contraction of \(a.length) with \(b.length)")
    precondition(
      a.format.isPackable(with: b.format), "\(a.format.rawValue) with \(b.format.rawValue)")
    // Without a block the sums are empty, and yet begun.
    cutBlocks = max(1, min(plan.blocks, a.blocks))
    let panels = min(MXMatrixView.panels(plan.columns), b.panels)
    rightBytes = panels * cutBlocks * kernels.rightBlockBytes(b.format)
    scratchBytes = (rightBytes + cutBlocks * kernels.leftBlockBytes(a.format) + 63) / 64 * 64
  }

  /// Some rows of some columns.
  ///
  /// - Parameters:
  ///   - rows: from the first row of a panel to the last one of another, or of the matrix.
  ///   - columns: as the rows.
  ///   - c: where the first of them goes.
  ///   - stride: numbers from there to the next row.
  ///   - scratch: `scratchBytes` bytes.
  func compute(
    rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutableRawPointer
  ) {
    let lanes = MXMatrixView.panelLanes
    let left = scratch + rightBytes
    let panelBytes = kernels.rightBlockBytes(b.format)
    for block in Swift.stride(from: 0, to: max(a.blocks, 1), by: cutBlocks) {
      let blocks = block..<min(block + cutBlocks, a.blocks)
      var rightScales: Int32 = 0
      for panel in 0..<MXMatrixView.panels(columns.count) {
        let scales = kernels.expandRight(
          b, panel: columns.lowerBound / lanes + panel, blocks: blocks,
          into: scratch + panel * blocks.count * panelBytes)
        rightScales = max(rightScales, scales)
      }
      let isLast = blocks.upperBound == a.blocks
      for row in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: lanes) {
        kernels.multiply(
          a, panel: row / lanes, blocks: blocks, expansion: left, right: scratch,
          rightScales: rightScales, rightFormat: b.format,
          into: c + (row - rows.lowerBound) * stride, stride: stride,
          rows: min(lanes, rows.upperBound - row), columns: columns.count,
          bias: isLast ? bias.map { UnsafePointer($0.base + columns.lowerBound) } : nil,
          resumes: block > 0)
      }
    }
  }
}
