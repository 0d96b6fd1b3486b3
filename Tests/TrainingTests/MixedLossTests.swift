import Foundation
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("Cross entropy of mixed batches")
struct MixedLossTests {
  @Test(
    "loss and gradient are those of the mixed, smoothed target",
    arguments: [Float(1), 0.7, 0], [Float(0), 0.1])
  func formula(share: Float, smoothing: Float) {
    let labels = [3, 0, 2, 1, 3]
    let (batch, classes) = (5, 4)
    let arena = Arena(chunkCount: 256)
    let logits = arena.matrix(rows: batch, columns: classes)
    let gradient = arena.matrix(rows: batch, columns: classes)
    var random = TestRandom(seed: 12)
    for (index, value) in random.normals(batch * classes).enumerated() {
      logits.base[index] = 3 * value
    }
    let score = crossEntropy(
      logits, labels: labels, mixedShare: share, smoothing: smoothing, dlogits: gradient)
    var loss = 0.0
    for i in 0..<batch {
      var target = [Double](repeating: Double(smoothing) / Double(classes), count: classes)
      target[labels[i]] += Double(share) * (1 - Double(smoothing))
      target[labels[batch - 1 - i]] += (1 - Double(share)) * (1 - Double(smoothing))
      #expect(abs(target.reduce(0, +) - 1) < 1e-6)
      let powers = (0..<classes).map { exp(Double(logits.row(i)[$0])) }
      let sum = powers.reduce(0, +)
      for k in 0..<classes {
        loss -= target[k] * log(powers[k] / sum)
        let expected = (powers[k] / sum - target[k]) / Double(batch)
        #expect(abs(Double(gradient.row(i)[k]) - expected) < 1e-6)
      }
    }
    #expect(abs(score.loss - loss) < 1e-5 * loss)
    #expect(score.count == batch)
  }

  @Test("the middle image of an odd batch is its own partner, so that λ means nothing to it")
  func middle() {
    let arena = Arena(chunkCount: 64)
    let logits = arena.matrix(rows: 1, columns: 3)
    (logits.base[0], logits.base[1], logits.base[2]) = (1, -2, 0.5)
    let whole = crossEntropy(logits, labels: [1])
    let mixed = crossEntropy(logits, labels: [1], mixedShare: 0.3)
    #expect(abs(whole.loss - mixed.loss) < 1e-6)
  }
}
