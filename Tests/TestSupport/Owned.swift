import MXRuntime

/// A matrix with memory of its own.
package struct Owned {
  package let buffer: AlignedBuffer<Float>
  package let matrix: FloatMatrix

  package init(_ values: [Float], rows: Int, columns: Int) {
    buffer = AlignedBuffer(count: rows * columns)
    for (index, value) in values.enumerated() { buffer.base[index] = value }
    matrix = FloatMatrix(buffer.base, rows: rows, columns: columns)
  }

  package init(rows: Int, columns: Int) { self.init([], rows: rows, columns: columns) }

  package var values: [Float] { Array(buffer.elements) }
}
