import Runtime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [C].

extension Linear {
  /// The parameters of a layer, in the caller's buffers.
  public struct Parameters {
    /// W [C, D].
    public let weight: UnsafePointer<Float>
    /// b [C].
    public let bias: UnsafePointer<Float>
    /// The moving average of W [C, D], by which Q2 rounds under `Rounding.ema`. Nil where no average is in use
    /// yet: Q2 then rounds to the nearest, ties to even.
    public let weightEMA: UnsafePointer<Float>?

    /// Views on the parameters.
    public init(
      weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
      weightEMA: UnsafePointer<Float>? = nil
    ) {
      self.weight = weight
      self.bias = bias
      self.weightEMA = weightEMA
    }
  }

  /// The gradients' places, in the caller's buffers.
  public struct Gradients {
    /// dW [C, D].
    public let weight: UnsafeMutablePointer<Float>
    /// db [C].
    public let bias: UnsafeMutablePointer<Float>

    /// Views on the gradients.
    public init(weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>) {
      self.weight = weight
      self.bias = bias
    }
  }

  /// What the backward pass needs of the forward pass.
  public struct Saved: BitwiseCopyable {
    enum Input: BitwiseCopyable {
      /// What Q6 reads, [N, D]: Q1(X) or X.
      case floats(FloatMatrix)
      /// Q1(X), which Q6 reads, packed along D.
      case quantized(MXMatrixView)
      /// Q6(X), packed along N.
      case final(MXMatrixView)
    }
    let input: Input
    /// Q2(W), packed along D, where the packed engine made it.
    let weight: MXMatrixView?
  }
}
