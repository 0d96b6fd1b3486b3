import Files
import MXFormats
import Reports
import Training

/// What `verify` found, as people read it: lines of at most 80 columns.
struct VerificationText {
  private let found: FileVerification
  private let census: BlockCensus
  /// What all tensors' names begin and end with, which long ones go without.
  private let common: (start: String, end: String)

  /// Names of more characters are too long for a row.
  private static let longestName = 26

  init(_ found: FileVerification) {
    (self.found, census) = (found, found.total)
    let names = found.tensors.map(\.name)
    let isLong = names.count > 1 && names.contains { $0.count > Self.longestName }
    common = isLong ? Self.common(names) : ("", "")
  }

  /// The words, ended or begun by dots, that all names have at their beginning and at their end.
  private static func common(_ names: [String]) -> (start: String, end: String) {
    func shared(_ words: [[Substring]]) -> Int {
      let least = words.map(\.count).min() ?? 0
      return (0..<max(least - 1, 0)).first { place in Set(words.map { $0[place] }).count > 1 }
        ?? max(least - 1, 0)
    }
    let words = names.map { $0.split(separator: ".", omittingEmptySubsequences: false) }
    let start = shared(words)
    let rest = words.map { Array($0.dropFirst(start).reversed()) }
    let end = shared(rest)
    return (
      words[0].prefix(start).map { $0 + "." }.joined(),
      words[0].suffix(end).map { "." + $0 }.joined()
    )
  }

  var text: String {
    let parts = [
      head, blocks, rules, remarks, sources, values,
      found.problems.isEmpty ? verdict : "",
    ]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  private var head: String {
    let names = found.layouts.map(\.rawValue).joined(separator: ", ")
    let files = found.files.count > 1 ? " in \(found.files.count) files" : ""
    var lines = [
      "\(oneLine(found.path)): \(names)\(files); \(counted(found.tensors.count, "tensor")) of "
        + "\(found.format.title), \(counted(census.groups, "group")), \(counted(found.others, "other tensor"))"
    ]
    var words: [String] = []
    if let method = found.method { words.append("trained by \(oneLine(method))") }
    if let rule = found.statedRule { words.append("scales \(rule.rawValue)") }
    if let rounding = found.statedRounding { words.append("rounding \(rounding.rawValue)") }
    lines.append(
      words.isEmpty
        ? "It does not say how it was made."
        : "It says: \(words.joined(separator: ", ")).")
    return lines.map { wrapped($0, indent: 0) }.joined(separator: "\n")
  }

  // MARK: The blocks alone

  /// A row a tensor: what the largest magnitudes of its groups are.
  private var blocks: String {
    let magnitudes = found.format.elements.magnitudes
    let header =
      ["tensor", "groups", "zero", "<\(number(magnitudes[4]))"]
      + magnitudes[4...].map(number)
    func row(_ name: String, _ census: BlockCensus) -> [String] {
      let counts =
        [census.zeroGroups, census.largest[..<4].reduce(0, +)] + census.largest[4...]
      return [name, "\(census.groups)"]
        + counts.map { percent($0, of: census.groups) }
    }
    let rows = found.tensors.map { row($0.name, $0.census) }
    let parts = [common.start, common.end].filter { !$0.isEmpty }.map { "'\(oneLine($0))'" }
    let names =
      parts.isEmpty
      ? "" : "\n" + wrapped("(names without \(parts.joined(separator: " and ")))", indent: 0)
    return "Groups by the magnitude of their largest code, in percent:\n"
      + fitted(header, rows, total: row("all", census)) + names
  }

  /// A row a rule: what share of groups would have which largest code, if their magnitudes spread evenly.
  private var rules: String {
    guard !found.evidence.isEmpty else { return "" }
    let format = found.format.elements
    let rows = found.evidence.map { evidence in
      let codes = (UInt8(0)...7).map { evidence.rule.share(of: $0, format) }
      let shares = [codes[..<4].reduce(0, +)] + codes[4...]
      return [evidence.rule.rawValue, number(evidence.rule.largestRatio(format))]
        + shares.map { $0 == 0 ? "0" : fixed(100 * $0, 0) } + [said(evidence)]
    }
    let names = format.magnitudes[4...].map(number)
    let header = ["scale rule", "τ", "<\(names[0])"] + names + ["can have made them"]
    return "What each scale rule makes of evenly spread magnitudes, rounded to the nearest:\n"
      + table(header, rows)
  }

  private func said(_ evidence: ScaleRuleEvidence) -> String {
    let (nearest, either) = evidence.against
    if either > 0 { return "no: \(counted(either, "group"))" }
    if nearest > 0 { return "not by nearest: \(counted(nearest, "group"))" }
    guard let missing = evidence.missing else { return "yes" }
    return "unlikely: no \(number(found.format.elements.magnitudes[Int(missing.code)]))"
  }

  private var remarks: String {
    let lines = [
      (census.nanScales, "a scale that is NaN (byte \(found.format.scale.nan))"),
      (
        census.smallestScales,
        found.format.scale == .e4m3
          ? "numbers under the scale 0"
          : "numbers under the scale 2^-127 (byte 0), which some take for zero"
      ),
      (census.scaledZeroGroups, "zeros only, under a scale whose byte is not 0"),
      (census.halvable, "codes that can be doubled exactly, under half the scale"),
    ].filter { $0.0 > 0 }.map { "  \(counted($0.0, "group")) with \($0.1)" }
    let elements = [
      (census.minusZeros, "code", "that stand for -0"),
      (census.filledPads, "code", "that are not 0 behind the last input"),
    ].filter { $0.0 > 0 }.map { "  \(counted($0.0, $0.1)) \($0.2)" }
    let ragged = found.tensors.filter { tensor in
      tensor.census.elements != tensor.census.groups * found.format.groupSize
    }
    let short =
      ragged.isEmpty
      ? [] : ["  \(counted(ragged.count, "tensor")) whose last groups are short ones"]
    let all = lines + elements + short
    return all.isEmpty
      ? "" : (["Not canonical (no fault, but for NaN):"] + all).joined(separator: "\n")
  }

  // MARK: Beside another file

  private var sources: String {
    guard let source = found.source, let against = found.against else { return "" }
    let rows = found.tensors.compactMap { tensor -> [String]? in
      guard case .source(let comparison) = tensor.comparison else { return nil }
      return row(tensor.name, comparison)
    }
    let scales = zip(ScaleRule.allCases, source.scales).filter {
      found.format.scaleRules.contains($0.0)
    }.map { ($0.rawValue, $1) }
    let codes = zip(FoundRounding.allCases, source.codes).filter {
      $0.0 != .ema || source.hasAverages
    }.map { ($0.rawValue, $1) }
    return [
      wrapped("Beside the numbers of \(oneLine(against)):", indent: 0),
      fitted(
        ["tensor", "groups", "scales", "codes", "farther", "neither"], rows,
        total: row("all", source)), "",
      "Groups, of \(source.groups), whose scale each rule gives:",
      list(scales), "and whose codes each rounding gives, under the scale that is there:",
      list(codes),
    ].joined(separator: "\n")
  }

  private func row(_ name: String, _ comparison: SourceComparison) -> [String] {
    func first(_ names: [String]) -> String {
      names.isEmpty ? "-" : names.count > 1 ? "\(names[0])+" : names[0]
    }
    return [
      name, "\(comparison.groups)", first(comparison.rules.map(\.rawValue)),
      first(comparison.roundings.map(\.rawValue)),
      percent(comparison.farther, of: comparison.elements) + " %", "\(comparison.strangers)",
    ]
  }

  private func list(_ items: [(String, Int)]) -> String {
    wrapped(items.map { "\($0.0) \($0.1)" }.joined(separator: ", "), indent: 2)
  }

  private var values: String {
    guard let decoded = found.decoded, let against = found.against else { return "" }
    var lines = [
      "Beside the codes of \(oneLine(against)): \(decoded.otherElements) of \(counted(decoded.elements, "value")) differ"
    ]
    if decoded.shifted > 0 {
      lines[0] += "; \(counted(decoded.shifted, "group")) of the same values under another scale"
    }
    if decoded.signs > 0 { lines[0] += "; \(counted(decoded.signs, "zero")) of another sign" }
    let rows = found.tensors.compactMap { tensor -> [String]? in
      guard case .decoded(let comparison) = tensor.comparison, comparison.otherElements > 0 else {
        return nil
      }
      return [
        tensor.name, "\(comparison.groups)", "\(comparison.otherGroups)",
        "\(comparison.otherElements)",
      ]
    }
    lines = lines.map { wrapped($0, indent: 0) }
    if !rows.isEmpty { lines.append(fitted(["tensor", "groups", "differ", "values"], rows)) }
    return lines.joined(separator: "\n")
  }

  private var verdict: String {
    var words = ["Sound"]
    if let decoded = found.decoded {
      words.append("\(counted(decoded.elements, "value")) equal")
    }
    if let source = found.source {
      if source.isExact {
        words.append("\(counted(source.elements, "value")) equal to the numbers")
      } else {
        let rule = (found.statedRule ?? source.rules.first)?.rawValue ?? ""
        words.append("explained by \(rule) scales and \(rounding(source))")
      }
    }
    return wrapped(words.joined(separator: "; ") + ".", indent: 0)
  }

  private func rounding(_ source: SourceComparison) -> String {
    let found = source.roundings
    if found == [.either] {
      return "rounding to either neighbour (at random, or by moving averages): "
        + "\(percent(source.farther, of: source.elements)) % of the codes are not the nearest"
    }
    return "rounding \(found.map(\.rawValue).joined(separator: " or "))"
  }

  // MARK: Words

  private func number(_ value: Float) -> String {
    value == value.rounded() ? "\(Int(value))" : "\(value)"
  }

  private func percent(_ part: Int, of whole: Int) -> String {
    if part == 0 { return "0" }
    let share = 100 * Double(part) / Double(max(whole, 1))
    return share < 0.05 ? "<0.1" : fixed(share, 1)
  }

  /// A table of tensors in 80 columns: of names that are too long the end is left, which tells most.
  private func fitted(_ header: [String], _ rows: [[String]], total: [String]? = nil) -> String {
    let others = (1..<header.count).reduce(0) { width, column in
      width + 2 + (rows + [header]).reduce(0) { max($0, $1[column].count) }
    }
    let room = max(80 - others, 10)
    let short = rows.map { row in
      var row = row
      let name = oneLine(
        String(row[0].dropFirst(common.start.count).dropLast(common.end.count)))
      row[0] = name.count <= room ? name : "…" + name.suffix(room - 1)
      return row
    }
    return table(header, short + (rows.count > 1 ? [total].compactMap { $0 } : []))
  }
}

extension BlockFormat {
  /// What people call it.
  fileprivate var title: String {
    switch self {
    case .mxfp4: "MXFP4"
    case .nvfp4: "NVFP4"
    default: "E3M0"
    }
  }
}
