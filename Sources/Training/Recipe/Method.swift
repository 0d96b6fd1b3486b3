import MXLinear
import Oscillation

/// A training method: which quantizers the linear layers of the blocks use, and what calms their weights.
///
/// Written `tetrajet`, `tetrajet+qema`, `tetrajet+qema+oscireset`; `+qema` alone stands for `tetrajet+qema`.
package struct Method: Hashable, Sendable, RawRepresentable, CaseIterable {
  /// Which quantizers are used.
  package enum Base: String, CaseIterable, Sendable {
    /// Single precision everywhere.
    case fp32
    /// Products of numbers in bfloat16, summed in single precision: the paper's full precision.
    case bf16
    /// INT4 per tensor: integers −7 … 7 under one scale.
    case int4
    /// INT4 behind rotations, with learned steps and sampled gradients (Xi et al. 2023).
    case int4xi = "int4-xi"
    /// NVFP4 as NVIDIA pretrains in it (2025).
    case nvidia = "nvidia-nvfp4"
    /// NVFP4 by the authors' second paper, without its remedy (2025).
    case tetrajetV2 = "tetrajet-v2"
    /// The OCP Microscaling baseline: nearest rounding, floor scales.
    case microscaling
    /// The paper's method: truncation-free scales, double quantization, stochastic gradients.
    case tetrajet

    /// Why no remedy goes with it; nil where some do.
    fileprivate var reasonAgainstRemedies: String? {
      switch self {
      case .fp32, .bf16: "\(rawValue) quantizes no weights, so none oscillates"
      case .int4, .int4xi:
        "\(rawValue) has one scale a tensor, and remedies know scales of groups"
      case .microscaling, .tetrajet, .nvidia, .tetrajetV2: nil
      }
    }
  }

  /// The quantizers.
  package let base: Base
  /// The remedies for oscillating weights, in their fixed order.
  package let remedies: [RemedyName]

  /// A method of some remedies; whether they go together, `validate` says.
  package init(_ base: Base, _ remedies: [RemedyName] = []) {
    self.base = base
    self.remedies = RemedyName.allCases.filter(remedies.contains)
  }

  /// Single precision everywhere.
  package static let fp32 = Method(.fp32)
  /// Products of numbers in bfloat16.
  package static let bf16 = Method(.bf16)
  /// INT4 per tensor.
  package static let int4 = Method(.int4)
  /// INT4 behind rotations.
  package static let int4xi = Method(.int4xi)
  /// NVFP4 as NVIDIA pretrains in it.
  package static let nvidia = Method(.nvidia)
  /// NVFP4 by the authors' second paper.
  package static let tetrajetV2 = Method(.tetrajetV2)
  /// The OCP Microscaling baseline.
  package static let microscaling = Method(.microscaling)
  /// The paper's method without a remedy.
  package static let tetrajet = Method(.tetrajet)

  /// The methods that are compared: those without a remedy, and TetraJet with one of each.
  package static let allCases =
    [Method.fp32, .bf16, .int4, .int4xi, .nvidia, .tetrajetV2, .microscaling, .tetrajet]
    + RemedyName.allCases.map { Method(.tetrajet, [$0]) }

  /// The method of a name; nil where a part of it is unknown, or a remedy is named twice.
  package init?(rawValue: String) {
    var parts = rawValue.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    if parts[0].isEmpty, parts.count > 1 { parts[0] = Base.tetrajet.rawValue }
    guard let base = Base(rawValue: parts[0]) else { return nil }
    let remedies = parts.dropFirst().compactMap(RemedyName.init)
    guard remedies.count == parts.count - 1, Set(remedies).count == remedies.count else {
      return nil
    }
    self.init(base, remedies)
  }

  /// The name, the remedies in their fixed order.
  package var rawValue: String {
    ([base.rawValue] + remedies.map(\.rawValue)).joined(separator: "+")
  }

  /// Whether Q2 rounds weights by moving averages.
  var roundsByAverages: Bool { remedies.contains(.qema) || remedies.contains(.osmq) }

  /// The method's six quantizers.
  package var linearRecipe: LinearRecipe {
    var recipe: LinearRecipe =
      switch base {
      case .fp32: .fp32
      case .bf16: .bf16
      case .int4: .int4
      case .int4xi: .rotatedINT4
      case .nvidia: .nvidiaNVFP4
      case .tetrajetV2: .tetrajetV2
      case .microscaling: .microscaling
      case .tetrajet: .tetrajet
      }
    if roundsByAverages { recipe[.q2]?.rounding = .ema }
    return recipe
  }

  /// Refuses what does not go together.
  ///
  /// - Throws: `RecipeError` with the reason.
  package func validate() throws {
    if let reason = base.reasonAgainstRemedies, let remedy = remedies.first {
      throw RecipeError(
        key: "method", found: "'\(rawValue)'",
        expected: "microscaling+\(remedy.rawValue) or tetrajet+\(remedy.rawValue): \(reason)")
    }
    for (index, first) in remedies.enumerated() {
      for second in remedies.dropFirst(index + 1) {
        guard let reason = first.conflict(with: second) else { continue }
        throw RecipeError(
          key: "method", found: "'\(rawValue)'",
          expected: "one without \(first.rawValue) or \(second.rawValue): \(reason)")
      }
    }
  }

  /// What may be written, for messages and help.
  package static var expected: String {
    let pairs = RemedyName.combinations.map { "\($0.rawValue)+\($1.rawValue)" }
    return "one of " + allCases.map(\.rawValue).joined(separator: ", ")
      + "; microscaling takes the same remedies, and nvidia-nvfp4 and tetrajet-v2 all but freeze and osmq; together go "
      + pairs.joined(separator: " and ")
  }
}
