import MXRuntime

extension Reference {
  /// As `Compute` says, by the formulas.
  package func make(
    _ x: LazyMatrix, into y: FloatMatrix, arena: Arena, profile: StepProfile?
  ) {
    func matrix(_ numbers: LazyMatrix.Numbers) -> FloatMatrix {
      switch numbers {
      case .matrix(let x): return x
      case .product(let terms):
        let (rows, columns) = numbers.shape
        let c = arena.matrix(rows: rows, columns: columns)
        product(terms.a, terms.b, bias: terms.bias, into: c, accumulates: false, arena: arena)
        return c
      }
    }
    arena.scratch {
      switch x.source {
      case .numbers(let numbers): copy(matrix(numbers), into: y)
      case .rows(let terms): rows(terms, into: y)
      case .layerNorm(let terms):
        rows(RowTerms(terms.x, map: terms.map), into: y)
        layerNorm(terms, y)
      case .gelu(let numbers):
        for (place, a) in matrix(numbers).elements.enumerated() {
          y.elements[place] = a * Self.normalDistribution(a, gauss: Self.exponential(a * a * -0.5))
        }
      case .geluGradient(let numbers, let gradient):
        let (a, dy) = (matrix(numbers), matrix(gradient))
        for place in 0..<y.count {
          y.elements[place] = dy.elements[place] * Self.geluSlope(a.elements[place])
        }
      }
      guard let offset = x.offset else { return }
      for row in 0..<y.rows {
        for column in 0..<y.columns { y.row(row)[column] -= offset.elements[column] }
      }
    }
  }

  private func rows(_ terms: RowTerms, into y: FloatMatrix) {
    for row in 0..<y.rows {
      for column in 0..<y.columns {
        guard let source = terms.map.source(of: row) else {
          y.row(row)[column] = 0
          continue
        }
        let x = terms.x.row(source)[column]
        y.row(row)[column] = terms.factor(source).map { 0 + $0 * x } ?? x
      }
    }
  }

  /// Normalizes the rows of y in place.
  private func layerNorm(_ terms: NormTerms, _ y: FloatMatrix) {
    let count = y.columns
    for row in 0..<y.rows {
      guard let source = terms.map.source(of: row) else { continue }
      let line = y.row(row)
      let m = Self.sum(count) { line[$0] } / Float(count)
      let squares = Self.sum(count) { (line[$0] - m) * (line[$0] - m) }
      let r = 1 / (squares / Float(count) + terms.epsilon).squareRoot()
      for i in 0..<count {
        line[i] = (line[i] - m) * r * terms.weight.elements[i] + terms.bias.elements[i]
      }
      (terms.mean.elements[source], terms.rstd.elements[source]) = (m, r)
    }
  }

  /// Φ(x) + x·φ(x), with φ(x) = e^(−x²/2)/√(2π).
  private static func geluSlope(_ x: Float) -> Float {
    let gauss = exponential(x * x * -0.5)
    return normalDistribution(x, gauss: gauss) + x * gauss * 0.39894228
  }

  // With n = (x − mean)·rstd and g = dy·weight: dx = rstd·(g − mean(g) − n·mean(g·n)).
  package func layerNormBackward(
    _ x: FloatMatrix, weight: FloatMatrix, mean: FloatMatrix, rstd: FloatMatrix, dy: FloatMatrix,
    map: RowMap?, addingTo dx: FloatMatrix, gradients: FloatMatrix, arena: Arena
  ) {
    let count = x.columns
    reduceRows(x.rows, into: gradients) { rows, partial in
      for row in rows {
        guard let source = map.source(of: row) else { continue }
        let (line, slope) = (x.row(row), dy.row(source))
        let (m, r) = (mean.elements[row], rstd.elements[row])
        for i in 0..<count {
          partial[i] += slope[i] * ((line[i] - m) * r)
          partial[count + i] += slope[i]
        }
        let meanOfG = Self.sum(count) { slope[$0] * weight.elements[$0] } / Float(count)
        let meanOfGN =
          Self.sum(count) { slope[$0] * weight.elements[$0] * ((line[$0] - m) * r) } / Float(count)
        for i in 0..<count {
          let normal = (line[i] - m) * r
          dx.row(row)[i] += (slope[i] * weight.elements[i] - meanOfG - normal * meanOfGN) * r
        }
      }
    }
  }

  /// eˣ for −87 ≤ x ≤ 88: x = n·ln 2 + r, Taylor's series of eʳ to r⁷, n by the exponent's bits.
  static func exponential(_ x: Float) -> Float {
    let x = min(max(x, -87), 88)
    let n = (x * 0x1.715476p0 + 0x1.8p23) - 0x1.8p23
    let r = (x - n * 0x1.62ep-1) - n * 0x1.0bfbe8p-15
    var p: Float = 1.0 / 5040
    for coefficient in [Float(1) / 720, Float(1) / 120, Float(1) / 24, Float(1) / 6, 0.5, 1, 1] {
      p = p * r + coefficient
    }
    return p * Float(bitPattern: UInt32(Int(n) + 127) << 23)
  }

  /// Φ(x), given e^(−x²/2): with t = 1/(1 + 0.38·|x|/√2), erfc is t·P(t)·e^(−x²/2).
  static func normalDistribution(_ x: Float, gauss: Float) -> Float {
    let z = x.magnitude * 0.70710678
    let t = 1 / (z * 0.38 + 1)
    var p: Float = 0.0589642823
    for coefficient: Float in [
      -0.262267411, 0.363830328, -0.161419779, 0.229994774, 0.13866435, 0.203902587, 0.213919938,
      0.214410931,
    ] { p = p * t + coefficient }
    let tail = 0.5 * p * t * gauss
    return x.sign == .minus ? tail : 1 - tail
  }

  package func projectPatches(
    _ images: FloatMatrix, _ grid: PatchGrid, weight: FloatMatrix, bias: FloatMatrix,
    into y: FloatMatrix, arena: Arena
  ) {
    arena.scratch {
      product(
        operand(
          plain.patches(of: images, grid, arena), axis: .rows, grid.precision, arena: arena),
        operand(weight, axis: .rows, grid.precision, arena: arena), bias: bias, into: y,
        accumulates: false, arena: arena)
    }
  }

  package func projectPatchesBackward(
    _ images: FloatMatrix, _ grid: PatchGrid, dy: FloatMatrix, dWeight: FloatMatrix,
    dBias: FloatMatrix, arena: Arena
  ) {
    arena.scratch {
      product(
        operand(dy, axis: .columns, grid.precision, arena: arena),
        operand(
          plain.patches(of: images, grid, arena), axis: .columns, grid.precision, arena: arena),
        bias: nil, into: dWeight, accumulates: true, arena: arena)
      reduceRows(dy.rows, into: dBias) { Self.addColumnSums(of: dy, $0, to: &$1) }
    }
  }

  package func crossEntropy(
    _ logits: FloatMatrix, _ targets: Targets, gradient: FloatMatrix?
  ) -> BatchScore { plain.crossEntropy(logits, targets, gradient: gradient) }
}
