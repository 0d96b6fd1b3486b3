import MXRuntime

/// An operand behind the rotation, over its learned step: T = X·H, U = T/s, codes clamp(round(U), −8, 7).
package struct SteppedOperand {
  /// T, and the codes, as numbers.
  package let rotated, codes: FloatMatrix
  /// s.
  package let step: Float

  /// The least code (the published code's; the paper's text has −7) and the largest.
  static let (least, largest): (Float, Float) = (-8, 7)

  /// s = 2·mean|T|/√7 + 10⁻¹⁰: what a step starts from.
  static func initialStep(_ rotated: FloatMatrix, _ arena: Arena, threads: Int) -> Float {
    let sum = sumOfRows(rotated.rows, rotated.columns, arena, threads: threads) { row in
      var sum = 0.0
      for column in 0..<rotated.columns { sum += Double(rotated.row(row)[column].magnitude) }
      return sum
    }
    return Float(2 * sum / Double(rotated.count) / 7.0.squareRoot()) + 1e-10
  }

  /// The operand of x, in an arena.
  ///
  /// - Parameter step: nil for the one it would start from.
  package init(
    _ x: FloatMatrix, _ rotation: BlockRotation, step: Float?, _ arena: Arena, threads: Int
  ) {
    let rotated = arena.matrix(rows: x.rows, columns: x.columns)
    let codes = arena.matrix(rows: x.rows, columns: x.columns)
    parallelRanges(x.rows, length: rowsOfSlice(x.columns), threads: threads) { rows in
      for row in rows { rotated.row(row).update(from: x.row(row), count: x.columns) }
    }
    rotation.apply(rotated, threads: threads)
    let step = step ?? Self.initialStep(rotated, arena, threads: threads)
    parallelRanges(x.rows, length: rowsOfSlice(x.columns), threads: threads) { rows in
      for row in rows {
        for column in 0..<x.columns {
          codes.row(row)[column] = nearestCode(
            rotated.row(row)[column] / step, Self.least, Self.largest)
        }
      }
    }
    (self.rotated, self.codes, self.step) = (rotated, codes, step)
  }

  /// ‖s·codes‖ of each row, in an arena.
  package func rowNorms(_ arena: Arena, threads: Int) -> UnsafeMutableBufferPointer<Double> {
    let norms = arena.array(of: Double.self, count: codes.rows)
    parallelRanges(codes.rows, length: rowsOfSlice(codes.columns), threads: threads) { rows in
      for row in rows {
        var sum = 0.0
        for column in 0..<codes.columns {
          sum += Double(codes.row(row)[column]) * Double(codes.row(row)[column])
        }
        norms[row] = Double(step) * sum.squareRoot()
      }
    }
    return norms
  }

  /// ‖s·codes − T‖², which is ‖X̃ − X‖² since rotations keep norms.
  package func squaredError(_ arena: Arena, threads: Int) -> Double {
    sumOfRows(rotated.rows, rotated.columns, arena, threads: threads) { row in
      var sum = 0.0
      for column in 0..<rotated.columns {
        let error = Double(step * codes.row(row)[column] - rotated.row(row)[column])
        sum += error * error
      }
      return sum
    }
  }

  /// The gradient of the step, dL/ds = Σ δ∘dT / √(7·numel), with δ the code where U lies beyond the codes and round(U) − U elsewhere;
  /// and dT ← dT where U lies among the codes, 0 elsewhere (LSQ; Esser et al. 2020).
  package func backward(_ dT: FloatMatrix, _ arena: Arena, threads: Int) -> Float {
    let sum = sumOfRows(dT.rows, dT.columns, arena, threads: threads) { row in
      var sum = 0.0
      for column in 0..<dT.columns {
        let u = rotated.row(row)[column] / step
        let gradient = dT.row(row)[column]
        let isInside = u >= Self.least && u <= Self.largest
        let code = nearestCode(u, Self.least, Self.largest)
        sum += Double((isInside ? code - u : code) * gradient)
        if !isInside { dT.row(row)[column] = 0 }
      }
      return sum
    }
    return Float(sum / (7 * Double(dT.count)).squareRoot())
  }
}

/// x to the nearest whole number between two others, ties to the even one. The sum with 1.5·2²³ leaves no bit for a fraction.
@inline(__always)
func nearestCode(_ x: Float, _ least: Float, _ largest: Float) -> Float {
  let bounded = x < least ? least : x > largest ? largest : x
  return (bounded + 0x1.8p23) - 0x1.8p23
}

/// The sum of numbers that rows have, added row by row in their order, whoever computes them.
func sumOfRows(
  _ rows: Int, _ columns: Int, _ arena: Arena, threads: Int, _ value: (Int) -> Double
) -> Double {
  arena.scratch {
    let values = arena.array(of: Double.self, count: rows)
    parallelRanges(rows, length: rowsOfSlice(columns), threads: threads) { slice in
      for row in slice { values[row] = value(row) }
    }
    return values.reduce(0, +)
  }
}
