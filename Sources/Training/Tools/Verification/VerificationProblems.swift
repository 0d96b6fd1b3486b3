import Files
import MXFormats

/// Finds out what is wrong with blocks: with themselves, with what their file says of them, and with what they are
/// compared with.
struct VerificationProblems {
  let tensors: [FileVerification.Tensor]
  let format: BlockFormat
  let total: BlockCensus
  let evidence: [ScaleRuleEvidence]
  let source: SourceComparison?
  let decoded: DecodedComparison?
  let statedRule: ScaleRule?
  let statedRounding: Rounding?
  let against: String?

  /// Roundings at random and by moving averages leave so many codes at the farther neighbour, or such a share of all; fewer
  /// are rather damage, where the file does not say how it was rounded.
  private static let leastFarther = (count: 10, share: 1e-3)

  /// What is wrong, a line each.
  var lines: [String] { blocks + missing + values + rules + codes }

  private var blocks: [String] {
    var lines: [String] = []
    if total.nanScales > 0 {
      lines.append(
        "\(counted(total.nanScales, "scale byte")) of \(total.groups) \(total.nanScales == 1 ? "is" : "are") NaN (\(format.scale.nan)), first in "
          + "'\(first { $0.census.nanScales > 0 })': what was quantized held a NaN or an infinity, or the file is damaged"
      )
    }
    if let statedRule, let found = evidence.first(where: { $0.rule == statedRule }) {
      let isNearest = statedRounding == .nearestEven || statedRounding == .nearestAway
      let count = isNearest ? found.against.nearest : found.against.either
      if count > 0 {
        lines.append(
          "says that its scales are \(statedRule.rawValue), which \(counted(count, "group")) of \(total.groups) cannot be"
        )
      }
    }
    return lines
  }

  private var missing: [String] {
    let names = tensors.filter { if case .missing = $0.comparison { true } else { false } }
    guard let against, let tensor = names.first else { return [] }
    return [
      "\(counted(names.count, "tensor")) of \(tensors.count) not found in \(against), or of another shape there, first "
        + "'\(tensor.name)' \(tensor.shape)"
    ]
  }

  private var values: [String] {
    guard let decoded, let against, decoded.otherElements > 0 else { return [] }
    let name = first {
      if case .decoded(let comparison) = $0.comparison {
        comparison.otherElements > 0
      } else {
        false
      }
    }
    return [
      "\(counted(decoded.otherElements, "value")) in \(counted(decoded.otherGroups, "group")) of \(decoded.groups) "
        + "differ\(decoded.otherElements == 1 ? "s" : "") from those of \(against), first in '\(name)'"
    ]
  }

  private var rules: [String] {
    guard let source, let against, !source.isExact else { return [] }
    let wanted = statedRule.map { [$0] } ?? format.scaleRules
    if wanted.contains(where: source.rules.contains) { return [] }
    // The rule that comes closest.
    let best = wanted.max { source.scales[place(of: $0)] < source.scales[place(of: $1)] }!
    let agreeing = source.scales[place(of: best)]
    let name = firstSource { $0.scales[place(of: best)] < $0.groups }
    guard statedRule == nil else {
      return [
        "says that its scales are \(best.rawValue), which give \(agreeing) of \(source.groups) of the numbers in \(against), "
          + "not all of '\(name)'"
      ]
    }
    return [
      "no scale rule gives all scales of the numbers in \(against): \(best.rawValue) gives \(agreeing) of \(source.groups), "
        + "not all of '\(name)'"
    ]
  }

  private var codes: [String] {
    guard let source, let against, !source.isExact else { return [] }
    if source.strangers > 0 {
      let name = firstSource { $0.strangers > 0 }
      return [
        "\(counted(source.strangers, "code")) of \(source.elements) stand\(source.strangers == 1 ? "s" : "") for no "
          + "neighbour of the number in \(against), first in '\(name)'"
      ]
    }
    if wantedRoundings(source).contains(where: source.roundings.contains) { return [] }
    let name = firstSource { $0.farther > 0 || $0.roundings.isEmpty }
    let stated = statedRounding.map { "says that it is rounded \($0.rawValue), and " } ?? ""
    return [
      stated
        + "\(counted(source.farther, "code")) of \(source.elements) \(source.farther == 1 ? "is" : "are") the farther "
        + "neighbour of the number in \(against), first in '\(name)'"
    ]
  }

  /// What may have made the codes.
  private func wantedRoundings(_ source: SourceComparison) -> [FoundRounding] {
    switch statedRounding {
    case .nearestEven: [.nearestEven]
    case .nearestAway: [.nearestAway]
    case .ema where source.hasAverages: [.ema]
    case .ema, .stochastic: FoundRounding.allCases
    case nil:
      FoundRounding.allCases.filter {
        $0 != .either || source.farther >= Self.leastFarther.count
          || Double(source.farther) >= Self.leastFarther.share * Double(source.elements)
      }
    }
  }

  private func place(of rule: ScaleRule) -> Int { ScaleRule.allCases.firstIndex(of: rule)! }

  private func first(_ isIt: (FileVerification.Tensor) -> Bool) -> String {
    tensors.first(where: isIt)?.name ?? ""
  }

  private func firstSource(_ isIt: (SourceComparison) -> Bool) -> String {
    first { if case .source(let comparison) = $0.comparison { isIt(comparison) } else { false } }
  }
}
