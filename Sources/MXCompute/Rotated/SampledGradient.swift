import MXRuntime

/// dY as two matrices of INT4 codes, dY ≈ (14·hi + lo)/c with c = 98/max|dY| (bit splitting), of whose 2N rows products read about N,
/// drawn by leverage scores (Xi et al. 2023, sections 4.2 and 4.3, as the published code has them).
///
/// The clamps at ±6 cut what is larger, so that the estimate is not unbiased as claimed.
package struct SampledGradient {
  package let high, low: FloatMatrix
  /// 14/c and 1/c.
  package let units: (high: Float, low: Float)
  /// ‖row‖ of the 2N rows: those of hi, and then those of lo.
  private let norms: UnsafeMutableBufferPointer<Double>
  private let threads: Int

  /// Splits dY [N, C].
  ///
  /// - Parameter random: of the rounding of lo.
  package init(_ dy: FloatMatrix, random: RandomStream, _ arena: Arena, threads: Int) {
    let (high, low) = (
      arena.matrix(rows: dy.rows, columns: dy.columns),
      arena.matrix(rows: dy.rows, columns: dy.columns)
    )
    let norms = arena.array(of: Double.self, count: 2 * dy.rows)
    let slice = rowsOfSlice(dy.columns)
    parallelRanges(dy.rows, length: slice, threads: threads) { rows in
      for row in rows {
        var largest: Float = 0
        for column in 0..<dy.columns { largest = max(largest, dy.row(row)[column].magnitude) }
        norms[row] = Double(largest)
      }
    }
    let c = 98 / max(Float(norms[..<dy.rows].max() ?? 0), 1e-8)
    let units = (high: 14 / c, low: 1 / c)
    // Eight rows share a block of random bits (`RandomStream.roundingBits`).
    parallelRanges((dy.rows + 7) / 8, length: (slice + 7) / 8, threads: threads) { strips in
      for strip in strips {
        let rows = 8 * strip..<min(8 * strip + 8, dy.rows)
        for column in 0..<dy.columns {
          let words = random.block(UInt32(column), UInt32(strip))
          for row in rows {
            let place = row % 8
            let bits = UInt16(truncatingIfNeeded: words[place / 2] >> UInt32(16 * (place % 2)))
            low.row(row)[column] = Float(bits)
          }
        }
        for row in rows {
          let (numbers, high, low) = (dy.row(row), high.row(row), low.row(row))
          for column in 0..<dy.columns {
            let scaled = c * numbers[column]
            let coarse = nearestCode(scaled / 14, -6, 6)
            // u in (−1/2, 1/2), of 16 bits.
            let noise = (low[column] + 0.5) / 65536 - 0.5
            high[column] = coarse
            low[column] = nearestCode(scaled - 14 * coarse + noise, -6, 6)
          }
          var sums = (0.0, 0.0)
          for column in 0..<dy.columns {
            sums.0 += Double(high[column] * high[column])
            sums.1 += Double(low[column] * low[column])
          }
          norms[row] = Double(units.high) * sums.0.squareRoot()
          norms[dy.rows + row] = Double(units.low) * sums.1.squareRoot()
        }
      }
    }
    (self.high, self.low, self.units) = (high, low, units)
    (self.norms, self.threads) = (norms, threads)
  }

  /// The sum of both halves of each row that is drawn, over the probability with which it was: what a product reads.
  ///
  /// - Parameters:
  ///   - weights: what a row's norm is multiplied with in its score; nil for 1.
  ///   - random: of the draw.
  package func drawn(
    weights: UnsafeMutableBufferPointer<Double>?, random: RandomStream, _ arena: Arena
  ) -> FloatMatrix {
    let (rows, columns) = (high.rows, high.columns)
    let result = arena.matrix(rows: rows, columns: columns)
    arena.scratch {
      let odds = arena.array(of: Double.self, count: 2 * rows)
      for row in 0..<2 * rows { odds[row] = norms[row] * (weights?[row % rows] ?? 1) }
      Self.solve(odds, kept: rows)
      func factor(_ row: Int, _ half: Int) -> Float {
        let p = odds[half * rows + row]
        let draw = (Double(random.roundingBits(row: row, column: half)) + 0.5) / 65536
        return draw < p ? Float(1 / p) : 0
      }
      parallelRanges(rows, length: rowsOfSlice(columns), threads: threads) { slice in
        for row in slice {
          let (a, b) = (units.high * factor(row, 0), units.low * factor(row, 1))
          for column in 0..<columns {
            result.row(row)[column] = a * high.row(row)[column] + b * low.row(row)[column]
          }
        }
      }
    }
    return result
  }

  /// Scores ← the probabilities with which rows are kept: as they are to each other, none above 1, with the sum `kept`.
  package static func solve(_ scores: UnsafeMutableBufferPointer<Double>, kept: Int) {
    let sum = scores.reduce(0, +)
    guard sum > 0 else { return }
    for row in scores.indices { scores[row] *= Double(kept) / sum }
    while true {
      var (certain, rest, isOver) = (0, 0.0, false)
      for p in scores {
        if p >= 1 { certain += 1 } else { rest += p }
        isOver = isOver || p > 1
      }
      guard isOver else { return }
      let isLast = certain >= kept || rest == 0
      let growth = isLast ? 1 : Double(kept - certain) / rest
      for row in scores.indices {
        scores[row] = scores[row] >= 1 ? 1 : scores[row] * growth
      }
      if isLast { return }
    }
  }
}
