import MXCompute
import MXFormats
import TestSupport

extension MXMatrix {
  /// All bytes, with what fills up the last panel and the last group.
  var bytes: [UInt8] { Array(UnsafeBufferPointer(start: view.codes, count: byteCount)) }
}

extension TestRandom {
  /// A matrix of random codes, with scale bytes drawn from `scales`, along rows.
  mutating func quantizedMatrix(
    _ format: BlockFormat, rows: Int, columns: Int, scales: [UInt8]
  ) -> QuantizedMatrix {
    let shape = format.scaleShape(rows: rows, columns: columns, along: .rows)
    return QuantizedMatrix(
      format: format, axis: .rows, rows: rows, columns: columns,
      codes: (0..<rows * columns).map { _ in UInt8(integer(below: 1 << format.elements.bits)) },
      scales: (0..<shape.rows * shape.columns).map { _ in scales[integer(below: scales.count)] })
  }
}

extension BlockFormat {
  /// Those without an outer scale.
  static let withScales = allCases.filter { $0.outerScale == .none }
  /// Those among them of which there are packed matrices.
  static let packable = withScales.filter(\.isPackable)
}

/// Whether two results are the same numbers, bit by bit; a NaN equals any NaN.
func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
}
