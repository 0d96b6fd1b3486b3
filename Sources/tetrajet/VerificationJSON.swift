import Files
import MXFormats
import Training

extension FileVerification {
  /// All of it, for programs.
  var line: JSONLine {
    var line = JSONLine()
    line.add("file", path)
    line.add("files", files)
    line.add("layouts", layouts.map(\.rawValue))
    line.add("format", format.rawValue)
    if let method { line.add("method", method) }
    if let statedRule { line.add("stated_scale_rule", statedRule.rawValue) }
    if let statedRounding { line.add("stated_rounding", statedRounding.rawValue) }
    line.add("other_tensors", others)
    line.add("blocks", Self.line(total))
    line.add("scale_rules", evidence.map(Self.line))
    if let against { line.add("against", against) }
    if let source { line.add("source", self.line(source)) }
    if let decoded { line.add("decoded", Self.line(decoded)) }
    line.add("tensors", tensors.map { self.line($0) })
    line.add("sound", problems.isEmpty)
    line.add("problems", problems)
    return line
  }

  private func line(_ tensor: Tensor) -> JSONLine {
    var line = JSONLine()
    line.add("tensor", tensor.name)
    line.add("shape", tensor.shape)
    line.add("blocks", Self.line(tensor.census))
    switch tensor.comparison {
    case .none: break
    case .missing: line.add("missing", true)
    case .source(let comparison): line.add("source", self.line(comparison))
    case .decoded(let comparison): line.add("decoded", Self.line(comparison))
    }
    return line
  }

  private static func line(_ census: BlockCensus) -> JSONLine {
    var line = JSONLine()
    line.add("groups", census.groups)
    line.add("elements", census.elements)
    line.add("largest_codes", census.largest)
    line.add("zero_groups", census.zeroGroups)
    line.add("nan_scales", census.nanScales)
    line.add("smallest_scales", census.smallestScales)
    line.add("scaled_zero_groups", census.scaledZeroGroups)
    line.add("halvable_groups", census.halvable)
    line.add("minus_zeros", census.minusZeros)
    line.add("filled_pads", census.filledPads)
    return line
  }

  private static func line(_ evidence: ScaleRuleEvidence) -> JSONLine {
    var line = JSONLine()
    line.add("scale_rule", evidence.rule.rawValue)
    line.add("contradicting_groups_nearest", evidence.against.nearest)
    line.add("contradicting_groups_either", evidence.against.either)
    if let missing = evidence.missing {
      line.add("missing_largest_code", Int(missing.code))
      line.add("expected_share", missing.share)
    }
    return line
  }

  private func line(_ comparison: SourceComparison) -> JSONLine {
    var (line, scales, codes) = (JSONLine(), JSONLine(), JSONLine())
    for (rule, count) in zip(ScaleRule.allCases, comparison.scales)
    where format.scaleRules.contains(rule) {
      scales.add(rule.rawValue, count)
    }
    for (rounding, count) in zip(FoundRounding.allCases, comparison.codes) {
      if rounding != .ema || comparison.hasAverages { codes.add(rounding.rawValue, count) }
    }
    line.add("groups", comparison.groups)
    line.add("elements", comparison.elements)
    line.add("groups_by_scale_rule", scales)
    line.add("groups_by_rounding", codes)
    line.add("farther_neighbours", comparison.farther)
    line.add("no_neighbours", comparison.strangers)
    line.add("equal_values", comparison.exact)
    return line
  }

  private static func line(_ comparison: DecodedComparison) -> JSONLine {
    var line = JSONLine()
    line.add("groups", comparison.groups)
    line.add("elements", comparison.elements)
    line.add("differing_groups", comparison.otherGroups)
    line.add("differing_values", comparison.otherElements)
    line.add("shifted_groups", comparison.shifted)
    line.add("zeros_of_another_sign", comparison.signs)
    return line
  }
}
