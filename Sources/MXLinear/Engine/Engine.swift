/// How the products of a linear layer are computed.
public enum Engine: String, CaseIterable, Sendable {
  /// Quantize, de-quantize, and multiply in single precision by BLAS.
  case simulated
}
