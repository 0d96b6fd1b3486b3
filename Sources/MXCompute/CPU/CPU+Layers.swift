import MXRuntime

extension CPU {
  package func layerNorm(
    _ x: FloatMatrix, weight: FloatMatrix, bias: FloatMatrix, epsilon: Float, into y: FloatMatrix,
    mean: FloatMatrix, rstd: FloatMatrix
  ) {
    forRanges(x.rows, length: max(1, Self.elementsPerSlice / max(x.columns, 1))) { rows in
      kernels.layerNorm(
        x.rows(rows), weight: weight.base, bias: bias.base, epsilon: epsilon, y: y.rows(rows),
        mean: mean.base + rows.lowerBound, rstd: rstd.base + rows.lowerBound)
    }
  }

  package func layerNormBackward(
    _ x: FloatMatrix, weight: FloatMatrix, mean: FloatMatrix, rstd: FloatMatrix, dy: FloatMatrix,
    addingTo dx: FloatMatrix, gradients: FloatMatrix, arena: Arena
  ) {
    reduceRows(dy.rows, into: gradients, arena: arena) { rows, partial in
      kernels.layerNormBackward(
        x.rows(rows), weight: weight.base, mean: mean.base + rows.lowerBound,
        rstd: rstd.base + rows.lowerBound, dy: dy.rows(rows), dx: dx.rows(rows),
        dweight: partial, dbias: partial + x.columns)
    }
  }

  package func gelu(_ x: FloatMatrix, into y: FloatMatrix) {
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      kernels.gelu(x.base + range.lowerBound, y.base + range.lowerBound, range.count)
    }
  }

  package func geluBackward(_ x: FloatMatrix, dy: FloatMatrix, into dx: FloatMatrix) {
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      kernels.geluBackward(
        x.base + range.lowerBound, dy: dy.base + range.lowerBound, dx: dx.base + range.lowerBound,
        range.count)
    }
  }
}
