import MXCompute
import MXFormats

/// The remedies there are, in the order in which the training step calls them. `tetrajet+NAME` is a method.
package enum RemedyName: String, CaseIterable, Sendable {
  /// The EMA quantizer (the paper's Algorithm 1).
  case qema
  /// The adaptive ramping optimizer (the paper's Algorithm 2).
  case qramping
  /// Oscillation dampening (Nagel et al. 2022).
  case dampen
  /// Iterative weight freezing (Nagel et al. 2022).
  case freeze
  /// Oscillation reset (TetraJet-v2).
  case oscireset
  /// A learned choice among quantizers, group by group (OSMQ, SmoothStart).
  case osmq

  /// The remedy itself, at the start of a training.
  package func make(
    _ settings: RemedySettings, quantizer: WeightQuantizer, _ plan: TrainingPlan,
    _ compute: any TrainingCompute
  ) -> any Remedy {
    switch self {
    case .qema: QEMA(settings.qema, quantizer, totalSteps: plan.totalSteps)
    case .qramping: QRamping(settings.qramping, quantizer)
    case .dampen: Dampen(settings.dampen)
    case .freeze: Freeze(settings.freeze, quantizer)
    case .oscireset: OsciReset(settings.oscireset, quantizer, compute)
    case .osmq: OSMQ(settings, quantizer, plan)
    }
  }

  /// One line on what it does.
  package var summary: String {
    switch self {
    case .qema: "Q-EMA: weights round to the neighbour nearer to their moving average"
    case .qramping: "Q-Ramping: weights that oscillate are updated more rarely, in larger steps"
    case .dampen: "Dampen: the loss pulls weights towards the grid"
    case .freeze: "Freeze: weights that oscillate are fixed for good"
    case .oscireset: "OsciReset: weights that oscillate are put back on the grid now and then"
    case .osmq: "OSMQ: groups learn which of three quantizers they take, after a time of Q-EMA"
    }
  }

  /// Whether it calms weights of a format: packed ones, under scales of groups, and powers of two where it counts with them.
  package func knows(_ format: BlockFormat) -> Bool {
    let isCounting = self == .freeze || self == .osmq
    return format.isPackable && format != .int4
      && (format.outerScale == .none || !isCounting)
  }

  /// Why two remedies do not go together; nil where they do.
  package func conflict(with other: RemedyName) -> String? {
    switch Set([self, other]) {
    case let pair where pair.contains(.osmq):
      "osmq decides how weights are rounded, by averages of its own (qema.*)"
    case [.qema, .oscireset], [.qema, .qramping]: nil
    case let pair where pair.contains(.freeze):
      "freeze holds weights for good at the mean of their quantized values, and \(self == .freeze ? other : self) "
        + "would change what those values are"
    case [.qema, .dampen]:
      "dampen pulls a weight towards the value that it rounds to, which under qema can be the farther one"
    case [.dampen, .oscireset]: "both put weights on the grid"
    case [.qramping, .oscireset]:
      "both wait for the same weights: what qramping keeps for one, oscireset throws away"
    case [.qramping, .dampen]:
      "qramping adds up gradients for weights that dampen holds still by theirs"
    default: "a remedy is named once"
    }
  }

  /// The pairs that do go together.
  package static var combinations: [(RemedyName, RemedyName)] {
    allCases.flatMap { first in
      allCases.drop { $0 != first }.dropFirst()
        .filter { first.conflict(with: $0) == nil }.map { (first, $0) }
    }
  }
}
