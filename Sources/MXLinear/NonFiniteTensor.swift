/// A tensor that was to be quantized holds a NaN or an infinity.
public struct NonFiniteTensor: Error, Equatable {
  /// The tensor: a layer's name and which of its operands.
  public let tensor: String
  /// The training step, once the trainer has filled it in.
  public var step: Int?

  /// An error about a tensor.
  public init(tensor: String, step: Int? = nil) {
    self.tensor = tensor
    self.step = step
  }
}
