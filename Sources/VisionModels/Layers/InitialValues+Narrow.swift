import MXRuntime

extension InitialValues {
  /// N(0, 0.02²), as timm has it for linear weights and positions. (It truncates at ±2, a hundred deviations away.)
  static let narrowNormal = InitialValues.normal(deviation: 0.02)
}
