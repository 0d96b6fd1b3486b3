import Files
import Statistics

extension Estimate {
  /// "48.61 ± 0.32", or "48.61" for a single value; both times `factor`, for percent and per mille.
  package func text(_ digits: Int, times factor: Double = 1) -> String {
    lines(digits, times: factor).joined(separator: " ± ")
  }

  /// The mean and, where it is known, the deviation as texts.
  func lines(_ digits: Int, times factor: Double = 1) -> [String] {
    [fixed(mean * factor, digits)] + (deviation.map { [fixed($0 * factor, digits)] } ?? [])
  }

  /// For programs: the mean, and where they are known the deviation and the ends of the 95 % interval.
  var json: JSONLine {
    var line = JSONLine()
    line.add("mean", mean)
    if let deviation { line.add("sd", deviation) }
    if let half = halfInterval { line.add("interval", [mean - half, mean + half]) }
    return line
  }
}

extension PairedDifference {
  /// The mean with its sign and, where it is known, half of its 95 % interval as texts.
  func lines(_ digits: Int, times factor: Double = 1) -> [String] {
    let mean = (estimate.mean > 0 ? "+" : "") + fixed(factor * estimate.mean, digits)
    return [mean] + (estimate.halfInterval.map { [fixed(factor * $0, digits)] } ?? [])
  }

  /// For programs.
  var json: JSONLine {
    var line = estimate.json
    line.add("n", estimate.count)
    line.add("sign_flip_p", signFlipProbability)
    return line
  }
}
