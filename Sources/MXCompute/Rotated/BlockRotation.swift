import MXRuntime

/// H = blockdiag(H_g, …, H_g) with Sylvester's Hadamard matrix of g = 2ᵏ, normalized, so that H = Hᵀ = H⁻¹ (Xi et al. 2023, section 3.3).
package struct BlockRotation {
  /// g, a divisor of the columns.
  package let group: Int

  /// - Parameter exponent: log2 of g as parameters have it; of one that cannot be, the nearest that can.
  package init(exponent: Float, columns: Int) {
    var size = 1 << Int(min(max(exponent.isNaN ? 0 : exponent.rounded(), 0), 10))
    while !columns.isMultiple(of: size) { size /= 2 }
    group = size
  }

  package init(group: Int) { self.group = group }

  /// The groups that are tried for so many columns: powers of two up to 1024 that divide them.
  package static func candidates(columns: Int) -> [Int] {
    (0...10).map { 1 << $0 }.filter { columns.isMultiple(of: $0) }
  }

  /// y += x·H; x is spent.
  package func apply(_ x: FloatMatrix, addingTo y: FloatMatrix, threads: Int) {
    apply(x, threads: threads)
    parallelRanges(x.rows, length: rowsOfSlice(x.columns), threads: threads) { rows in
      for row in rows { for column in 0..<x.columns { y.row(row)[column] += x.row(row)[column] } }
    }
  }

  /// x ← x·H.
  package func apply(_ x: FloatMatrix, threads: Int) {
    guard group > 1 else { return }
    let norm = 1 / Float(group).squareRoot()
    parallelRanges(x.rows, length: rowsOfSlice(x.columns), threads: threads) { rows in
      for row in rows {
        for start in stride(from: 0, to: x.columns, by: group) {
          let values = x.row(row) + start
          addPairs(values)
          for place in 0..<group { values[place] *= norm }
        }
      }
    }
  }

  /// The sums and differences of the numbers of a group that lie 1 apart, then 2, 4 and so on.
  private func addPairs(_ values: UnsafeMutablePointer<Float>) {
    guard group >= 4 else {
      (values[0], values[1]) = (values[0] + values[1], values[0] - values[1])
      return
    }
    for place in stride(from: 0, to: group, by: 4) {
      let (a, b) = (values[place] + values[place + 1], values[place] - values[place + 1])
      let (c, d) = (values[place + 2] + values[place + 3], values[place + 2] - values[place + 3])
      (values[place], values[place + 1]) = (a + c, b + d)
      (values[place + 2], values[place + 3]) = (a - c, b - d)
    }
    // From here on four at a time.
    var half = 4
    while half < group {
      for block in stride(from: 0, to: group, by: 2 * half) {
        for place in stride(from: block, to: block + half, by: 4) {
          let (first, second) = (
            UnsafeMutableRawPointer(values + place), UnsafeMutableRawPointer(values + place + half)
          )
          let (a, b) = (
            first.loadUnaligned(as: SIMD4<Float>.self), second.loadUnaligned(as: SIMD4<Float>.self)
          )
          first.storeBytes(of: a + b, as: SIMD4<Float>.self)
          second.storeBytes(of: a - b, as: SIMD4<Float>.self)
        }
      }
      half *= 2
    }
  }
}

/// Rows of so many columns that are worth handing to a thread.
func rowsOfSlice(_ columns: Int) -> Int { max(1, (1 << 14) / max(columns, 1)) }
