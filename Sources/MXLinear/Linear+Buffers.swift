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
    /// μ [1, D], what is subtracted from every row of X before Q1 and Q6 read it: Y = Q1(X − 1μᵀ)·Q2(W)ᵀ + 1(b + Q2(W)·μ)ᵀ,
    /// which is the same but for what the quantizer loses. Nil for nothing. (Documentation/Numerics.md, section 4.)
    public let inputMean: FloatMatrix?
    /// [1, D], positive for the input channels that are in a wide format (`OutControl`; TetraJet-v2, arXiv:2510.27527): needed where
    /// the recipe has `LinearRecipe.outControl`, else nil.
    public let channels: FloatMatrix?
    /// Q2(W), where `encodeWeight` has made it already; with wide channels that of the others.
    package var encoded: Encoded?

    /// Views on the parameters, which must outlive them.
    ///
    /// - Parameters:
    ///   - weight: W [C, D].
    ///   - bias: b [1, C].
    ///   - weightAverages: w_EMA [C, D] (the paper's Algorithm 1); nil where no average is in use.
    ///   - inputMean: μ [1, D]; nil where X is quantized as it is.
    ///   - channels: [1, D]; nil where all channels are in one format.
    public init(
      weight: FloatMatrix, bias: FloatMatrix, weightAverages: FloatMatrix? = nil,
      inputMean: FloatMatrix? = nil, channels: FloatMatrix? = nil
    ) {
      (self.weight, self.bias, self.weightAverages) = (weight, bias, weightAverages)
      (self.inputMean, self.channels) = (inputMean, channels)
    }
  }

  /// The gradients' places, in the caller's buffers.
  public struct Gradients {
    /// dW [C, D].
    public let weight: FloatMatrix
    /// db [1, C].
    public let bias: FloatMatrix
    /// [1, D], no gradient: what μ lacks of the mean of the rows of X is added to it, for whoever lets μ follow. Nil for
    /// nobody.
    public let inputMean: FloatMatrix?
    /// [1, D], no gradient either: while channels are counted, ‖X_j‖₂ of each is added to it. Nil for nobody.
    public let channels: FloatMatrix?

    /// Views on the gradients, which must outlive them.
    ///
    /// - Parameters:
    ///   - weight: dW [C, D].
    ///   - bias: db [1, C].
    ///   - inputMean: [1, D]; nil where nobody lets μ follow.
    ///   - channels: [1, D]; nil where nobody counts.
    public init(
      weight: FloatMatrix, bias: FloatMatrix, inputMean: FloatMatrix? = nil,
      channels: FloatMatrix? = nil
    ) {
      (self.weight, self.bias) = (weight, bias)
      (self.inputMean, self.channels) = (inputMean, channels)
    }
  }

  /// What the forward pass works out of μ.
  struct MeanSplit: BitwiseCopyable {
    /// b + Q2(W)·μ [1, C].
    let bias: FloatMatrix
    /// The mean of the rows of X − 1μᵀ, [1, D].
    let distance: FloatMatrix
  }

  /// What the backward pass needs of the forward pass.
  public struct Saved: BitwiseCopyable {
    /// What Q6 goes on from, or Q6(X).
    let input: Encoded
    /// Q2(W), where it is codes.
    let weight: Encoded?
    /// Where a mean was subtracted from X.
    let split: MeanSplit?
    /// Where some channels are in a wide format; the others are above.
    let wide: WideSaved?
    /// ‖X_j‖₂ [1, D], where channels are counted.
    let norms: FloatMatrix?

    init(
      input: Encoded, weight: Encoded?, split: MeanSplit? = nil, wide: WideSaved? = nil,
      norms: FloatMatrix? = nil
    ) {
      (self.input, self.weight, self.split) = (input, weight, split)
      (self.wide, self.norms) = (wide, norms)
    }

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
