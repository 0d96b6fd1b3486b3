/// How the products of a linear layer are computed.
public enum Engine: String, CaseIterable, Sendable {
  /// Multiply codes in integers, where both operands of a product are quantized in formats that can be packed
  /// (`BlockFormat.isPackable`), in groups of one length under scales of one kind; the others fall back to `simulated`.
  case packed
  /// Quantize, de-quantize, and multiply in single precision.
  case simulated
}

/// The three products of a linear layer.
public enum LinearProduct: String, CaseIterable, Sendable {
  /// Y = Q1(X)·Q2(W)ᵀ + b.
  case y
  /// dX = Q3(dY)·Q4(W).
  case dx
  /// dW = Q5(dY)ᵀ·Q6(X).
  case dw

  /// The quantizers of its two operands.
  public var operands: (Operand, Operand) {
    switch self {
    case .y: (.q1, .q2)
    case .dx: (.q3, .q4)
    case .dw: (.q5, .q6)
    }
  }
}

extension LinearRecipe {
  /// The engine that computes a product when `engine` is asked for: `packed` needs both operands as codes.
  public func engine(of product: LinearProduct, asked engine: Engine) -> Engine {
    let (a, b) = product.operands
    guard let a = self[a]?.format, let b = self[b]?.format else { return .simulated }
    return a.isPackable(with: b) ? engine : .simulated
  }

  /// `packed`, `simulated` or `mixed`.
  public func engineName(asked engine: Engine) -> String {
    let engines = Set(LinearProduct.allCases.map { self.engine(of: $0, asked: engine) })
    return engines.count > 1 ? "mixed" : engines.first!.rawValue
  }
}
