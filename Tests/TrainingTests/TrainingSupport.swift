import MXCompute
import MXRuntime
import TestSupport
import Training

extension TrainingStep {
  /// A step on images that lie in an array.
  func run(_ images: [Float], labels: [Int], mixedShare: Float = 1, step: Int) throws -> BatchScore
  {
    let input = AlignedBuffer<Float>(count: images.count)
    _ = input.elements.update(from: images)
    return try withExtendedLifetime(input) {
      try run(
        input.matrix(rows: labels.count), labels: labels, mixedShare: mixedShare, step: step)
    }
  }
}

/// The cross entropy of logits [B, K] with labels, and its gradient where a place for it is given.
func crossEntropy(
  _ logits: FloatMatrix, labels: [Int], mixedShare: Float = 1, smoothing: Float = 0,
  dlogits: FloatMatrix? = nil
) -> BatchScore {
  cpu.crossEntropy(
    logits, Targets(labels: labels, mixedShare: mixedShare, smoothing: smoothing),
    gradient: dlogits)
}
