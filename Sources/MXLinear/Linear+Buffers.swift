import MXCompute
import MXRuntime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [1, C].

extension Linear {
  /// The parameters of a layer, in the caller's buffers.
  public struct Parameters {
    /// W [C, D], in single precision: the latent weights.
    public let weight: FloatMatrix
    /// b [1, C].
    public let bias: FloatMatrix
    /// w_EMA [C, D] (the paper's Algorithm 1), by which Q2 rounds under `Rounding.ema`. Nil where no average is in use
    /// yet: Q2 then rounds to the nearest, ties to even.
    public let weightAverages: FloatMatrix?
    /// Q2(W), where `encodeWeight` has made it already.
    package var encoded: Encoded?

    /// Views on the parameters, which must outlive them.
    ///
    /// - Parameters:
    ///   - weight: W [C, D].
    ///   - bias: b [1, C].
    ///   - weightAverages: w_EMA [C, D] (the paper's Algorithm 1); nil where no average is in use.
    public init(weight: FloatMatrix, bias: FloatMatrix, weightAverages: FloatMatrix? = nil) {
      (self.weight, self.bias, self.weightAverages) = (weight, bias, weightAverages)
    }
  }

  /// The gradients' places, in the caller's buffers.
  public struct Gradients {
    /// dW [C, D].
    public let weight: FloatMatrix
    /// db [1, C].
    public let bias: FloatMatrix

    /// Views on the gradients, which must outlive them: dW [C, D] and db [1, C].
    public init(weight: FloatMatrix, bias: FloatMatrix) {
      (self.weight, self.bias) = (weight, bias)
    }
  }

  /// What the backward pass needs of the forward pass.
  public struct Saved: BitwiseCopyable {
    /// What Q6 goes on from, or Q6(X).
    let input: Encoded
    /// Q2(W), where it is codes.
    let weight: Encoded?

    init(input: Encoded, weight: Encoded?) { (self.input, self.weight) = (input, weight) }

    /// X itself, for a layer that reads nothing else.
    package init(keeping x: FloatMatrix) {
      self.init(input: Encoded(exact: x, axis: .rows), weight: nil)
    }

    /// X.
    ///
    /// - Precondition: it was kept as it is.
    package var kept: FloatMatrix {
      guard case .numbers(let x) = input.content else { preconditionFailure("X was not kept") }
      return x
    }
  }
}
