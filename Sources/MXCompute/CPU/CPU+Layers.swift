import MXRuntime

extension CPU {
  package func layerNormBackward(
    _ x: FloatMatrix, weight: FloatMatrix, mean: FloatMatrix, rstd: FloatMatrix, dy: FloatMatrix,
    map: RowMap?, addingTo dx: FloatMatrix, gradients: FloatMatrix, arena: Arena
  ) {
    reduceRows(x.rows, into: gradients, arena: arena) { rows, partial in
      func add(_ rows: Range<Int>, _ dy: FloatMatrix) {
        kernels.layerNormBackward(
          x.rows(rows), weight: weight.base, mean: mean.base + rows.lowerBound,
          rstd: rstd.base + rows.lowerBound, dy: dy, dx: dx.rows(rows),
          dweight: partial, dbias: partial + x.columns)
      }
      guard let map else { return add(rows, dy.rows(rows)) }
      for row in rows {
        if let source = map.source(of: row) { add(row..<row + 1, dy.rows(source..<source + 1)) }
      }
    }
  }

  /// As `Compute` says, slices of rows or elements in parallel.
  package func make(
    _ x: LazyMatrix, into y: FloatMatrix, arena: Arena, profile: StepProfile?
  ) {
    precondition(x.shape == (y.rows, y.columns), "\(x.shape) made into \(y.rows) × \(y.columns)")
    arena.scratch {
      /// The numbers, made in `memory` where they are not there yet.
      func matrix(
        _ numbers: LazyMatrix.Numbers, in memory: @autoclosure () -> FloatMatrix
      ) -> FloatMatrix {
        switch numbers {
        case .matrix(let x): return x
        case .product(let terms):
          let memory = memory()
          profile.measure(.product) {
            product(
              terms.a, terms.b, bias: terms.bias, into: memory, accumulates: false, arena: arena)
          }
          return memory
        }
      }
      switch x.source {
      case .numbers(let numbers):
        let x = matrix(numbers, in: y)
        if x.base != y.base { copy(x, into: y) }
      case .rows(let terms):
        forRows(of: y) {
          kernels.rows(terms, $0, into: y.rows($0))
        }
      case .layerNorm(let terms):
        profile.measure(.norm) {
          forRows(of: y) {
            kernels.layerNorm(terms, $0, into: y.rows($0))
          }
        }
      case .gelu(let numbers):
        let x = matrix(numbers, in: y)
        profile.measure(.gelu) {
          forRanges(y.count, length: Self.elementsPerSlice) { range in
            kernels.gelu(x.base + range.lowerBound, y.base + range.lowerBound, range.count)
          }
        }
      case .geluGradient(let numbers, let gradient):
        let dy = matrix(gradient, in: y)
        let x = matrix(numbers, in: arena.matrix(rows: y.rows, columns: y.columns))
        profile.measure(.gelu) {
          forRanges(y.count, length: Self.elementsPerSlice) { range in
            let start = range.lowerBound
            kernels.geluBackward(
              x.base + start, dy: dy.base + start, dx: y.base + start, range.count)
          }
        }
      }
      if let offset = x.offset {
        forRows(of: y) { kernels.subtract(offset.base, from: y.rows($0)) }
      }
    }
  }
}
