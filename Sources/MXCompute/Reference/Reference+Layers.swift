import MXRuntime

extension Reference {
  package func layerNorm(
    _ x: FloatMatrix, weight: FloatMatrix, bias: FloatMatrix, epsilon: Float, into y: FloatMatrix,
    mean: FloatMatrix, rstd: FloatMatrix
  ) {
    let count = x.columns
    for row in 0..<x.rows {
      let line = x.row(row)
      let m = Self.sum(count) { line[$0] } / Float(count)
      let squares = Self.sum(count) { (line[$0] - m) * (line[$0] - m) }
      let r = 1 / (squares / Float(count) + epsilon).squareRoot()
      for i in 0..<count {
        y.row(row)[i] = (line[i] - m) * r * weight.elements[i] + bias.elements[i]
      }
      (mean.elements[row], rstd.elements[row]) = (m, r)
    }
  }

  // With n = (x − mean)·rstd and g = dy·weight: dx = rstd·(g − mean(g) − n·mean(g·n)).
  package func layerNormBackward(
    _ x: FloatMatrix, weight: FloatMatrix, mean: FloatMatrix, rstd: FloatMatrix, dy: FloatMatrix,
    addingTo dx: FloatMatrix, gradients: FloatMatrix, arena: Arena
  ) {
    let count = x.columns
    reduceRows(x.rows, into: gradients) { rows, partial in
      for row in rows {
        let (line, slope) = (x.row(row), dy.row(row))
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

  package func gelu(_ x: FloatMatrix, into y: FloatMatrix) {
    for i in 0..<x.count {
      let a = x.elements[i]
      y.elements[i] = a * Self.normalDistribution(a, gauss: Self.exponential(a * a * -0.5))
    }
  }

  package func geluBackward(_ x: FloatMatrix, dy: FloatMatrix, into dx: FloatMatrix) {
    for i in 0..<x.count {
      let a = x.elements[i]
      let gauss = Self.exponential(a * a * -0.5)
      // φ(x) = e^(−x²/2)/√(2π).
      let slope = Self.normalDistribution(a, gauss: gauss) + a * gauss * 0.39894228
      dx.elements[i] = dy.elements[i] * slope
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
  ) { plain.projectPatches(images, grid, weight: weight, bias: bias, into: y, arena: arena) }

  package func projectPatchesBackward(
    _ images: FloatMatrix, _ grid: PatchGrid, dy: FloatMatrix, dWeight: FloatMatrix,
    dBias: FloatMatrix, arena: Arena
  ) {
    let before = Array(dBias.elements)
    plain.projectPatchesBackward(
      images, grid, dy: dy, dWeight: dWeight, dBias: dBias, arena: arena)
    for (place, value) in before.enumerated() { dBias.elements[place] = value }
    reduceRows(dy.rows, into: dBias) { Self.addColumnSums(of: dy, $0, to: &$1) }
  }

  package func crossEntropy(
    _ logits: FloatMatrix, _ targets: Targets, gradient: FloatMatrix?
  ) -> BatchScore { plain.crossEntropy(logits, targets, gradient: gradient) }
}
