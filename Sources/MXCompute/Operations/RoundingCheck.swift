import MXFormats
import MXRuntime

/// How far means of stochastically rounded numbers lie from the numbers.
package struct RoundingCheck: Sendable {
  /// The largest distance of a mean, in standard deviations of such means.
  package fileprivate(set) var deviations = 0.0
  /// How many means were taken.
  package fileprivate(set) var means = 0
  /// Over how many numbers each.
  package let numbers: Int

  /// More deviations than that are taken for a bias; all means lie within that of an unbiased quantizer in 999 of 1000
  /// checks.
  package static let limit = 4.0

  /// Whether no bias was found.
  package var isPassed: Bool { deviations <= Self.limit }
}

extension Compute {
  /// Rounds a number between every two neighbours of a format's grid, of either sign, many times along either axis.
  ///
  /// - Parameter rounding: another one than `stochastic` is biased.
  package func checkStochasticRounding(
    _ format: BlockFormat, rounding: Rounding = .stochastic
  ) -> RoundingCheck {
    let (group, rows) = (format.groupSize, 32 * format.groupSize)
    let magnitudes = format.elements.magnitudes
    // A gap's numbers stand in a group of columns; the first row and column of every group hold its largest magnitude, so
    // that its scale is 1.
    let gaps = Array(zip(magnitudes, magnitudes.dropFirst()))
    let share: Float = 0.3
    func number(_ row: Int, _ gap: Int) -> Float {
      let value = gaps[gap].0 + share * (gaps[gap].1 - gaps[gap].0)
      return row % 2 == 0 ? value : -value
    }
    let arena = Arena(chunkCount: 1 << 12)
    let x = arena.matrix(rows: rows, columns: gaps.count * group) { place in
      let (row, column) = (place / (gaps.count * group), place % (gaps.count * group))
      let isFirst = row % group == 0 || column % group == 0
      return isFirst ? format.elements.maximum : number(row, column / group)
    }
    let recipe = QuantizerRecipe(format: format, rounding: rounding)
    let random = RandomStream(seed: 1, purpose: .benchmark)
    let operands = [
      encode(
        x, averages: nil, axis: .rows, format.isPackable ? .codes(recipe) : .rounded(recipe),
        random: random, arena: arena),
      encode(x, averages: nil, axis: .columns, .rounded(recipe), random: random, arena: arena),
    ]
    var check = RoundingCheck(numbers: (rows - rows / group) * (group - 1))
    let values = arena.matrix(rows: x.rows, columns: x.columns)
    for (operand, _) in operands {
      decode(operand, into: values)
      for (index, gap) in gaps.enumerated() {
        var sum = 0.0
        for row in 0..<rows where row % group > 0 {
          for column in index * group + 1..<(index + 1) * group {
            // Both signs are of one distribution.
            sum += Double(values.row(row)[column] * (row % 2 == 0 ? 1 : -1))
          }
        }
        let error = sum / Double(check.numbers) - Double(number(0, index))
        let deviation =
          Double(gap.1 - gap.0)
          * (Double(share) * Double(1 - share) / Double(check.numbers)).squareRoot()
        check.deviations = max(check.deviations, (error / deviation).magnitude)
        check.means += 1
      }
    }
    return check
  }
}
