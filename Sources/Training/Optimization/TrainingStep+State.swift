import Files
import MXLinear
import MXRuntime

extension TrainingStep {
  /// The SHA-256 of the weights as they lie in `last.safetensors`: single precision, in the order of the model.
  package var weightsSHA256: String { SHA256.digits(of: UnsafeRawBufferPointer(weights.elements)) }

  /// Checks that what a checkpoint would hold is worth going on from.
  ///
  /// - Throws: `NonFiniteTensor` naming the first weight or moment that holds a NaN or an infinity.
  package func checkIsFinite(step: Int) throws {
    for (kind, buffer) in [
      ("the weight", weights), ("the first moment of", optimizer.m),
      ("the second moment of", optimizer.v),
    ] {
      if let name = firstNonFinite(in: buffer) {
        throw NonFiniteTensor(tensor: "\(kind) \(name)", step: step)
      }
    }
  }

  /// The first tensor of a flat buffer that holds a NaN or an infinity; nil where all are finite.
  func firstNonFinite(in buffer: AlignedBuffer<Float>) -> String? {
    // Squares of single-precision numbers cannot overflow a double.
    model.parameters.entries.first {
      !compute.sumOfSquares(buffer[$0.parameter]).isFinite
    }?.name
  }
}
