import MXLinear

/// A training method: which quantizers the linear layers of the blocks use.
public enum Method: String, CaseIterable, Sendable {
  /// Single precision everywhere.
  case fp32
  /// The OCP Microscaling baseline: nearest rounding, floor scales.
  case microscaling
  /// The paper's method: truncation-free scales, double quantization, stochastic gradients.
  case tetrajet

  /// The method's six quantizers.
  public var linearRecipe: LinearRecipe {
    switch self {
    case .fp32: .fp32
    case .microscaling: .microscaling
    case .tetrajet: .tetrajet
    }
  }
}
