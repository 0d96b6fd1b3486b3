import Files
import MXCompute
import MXFormats
import MXLinear

/// Kernels whose stochastic rounding is biased: gradients would be, too.
struct RoundingBias: ReportableError {
  /// The instruction set.
  let name: String
  let check: RoundingCheck

  var category: ErrorCategory { .arithmetic }

  var description: String {
    "the kernels '\(name)' round stochastically with a mean that is \(Self.text(check)) off, where chance allows "
      + "\(Int(RoundingCheck.limit)); try another instruction set: TETRAJET_ISA=portable"
  }

  private static func text(_ check: RoundingCheck) -> String {
    let tenths = Int((check.deviations * 10).rounded(.up))
    return "\(tenths / 10).\(tenths % 10) standard deviations"
  }

  /// Tries out what rounds stochastically in a recipe, on the very kernels that will.
  ///
  /// - Returns: what was found, in a line; nil where nothing rounds so.
  /// - Throws: `RoundingBias`.
  static func check(_ recipe: LinearRecipe, _ compute: any Compute) throws -> String? {
    let stochastic = Operand.allCases.compactMap { recipe[$0] }.filter {
      $0.rounding == .stochastic
    }
    let checks = BlockFormat.allCases.filter { format in stochastic.contains { $0.format == format }
    }
    .map { compute.checkStochasticRounding($0) }
    guard let worst = checks.max(by: { $0.deviations < $1.deviations }) else { return nil }
    guard worst.isPassed else { throw RoundingBias(name: compute.name, check: worst) }
    let means = checks.reduce(0) { $0 + $1.means }
    return
      "stochastic rounding by \(compute.name) is unbiased: \(means) means over \(worst.numbers) numbers lie within "
      + "\(text(worst))"
  }
}
